"""A private PostgreSQL cluster in a temporary folder, reached through its socket."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

NOT_ROOT = "postgres"  # the server refuses to be run by root


def binaries() -> Path | None:
    """Return the folder with `initdb` and `pg_ctl`, the newest where there are several."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    found = shutil.which("initdb")
    candidates = [*reversed(folders), *([Path(found).parent] if found else [])]
    return next(
        (path for path in candidates if (path / "initdb").exists() and (path / "pg_ctl").exists()), None
    )


class Cluster:
    """A running server. `url` makes a new, empty schema: quicker than a database."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder = folder
        self._programs = programs
        self._count = 0

    def url(self) -> str:
        self._count += 1
        name = f"test{self._count}"
        with psycopg.connect(self._at, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {name}")
        return f"{self._at}&options=-csearch_path%3D{name}"

    @property
    def _at(self) -> str:
        return f"postgresql:///postgres?host={self.folder}&user={NOT_ROOT}"

    def call(self, program: str, *arguments: str) -> None:
        user = NOT_ROOT if os.geteuid() == 0 else None
        done = subprocess.run(
            [str(self._programs / program), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            user=user,
            group=user,
            extra_groups=[] if user else None,
            check=False,
        )
        assert done.returncode == 0, done.stdout.decode()


@contextmanager
def running(programs: Path) -> Iterator[Cluster]:
    """Make a cluster, start it, and take it away."""
    folder = Path(tempfile.mkdtemp(prefix="headroom-pg-", dir="/tmp"))
    try:
        if os.geteuid() == 0:
            account = pwd.getpwnam(NOT_ROOT)
            os.chown(folder, account.pw_uid, account.pw_gid)
        cluster = Cluster(folder, programs)
        data = str(folder / "data")
        cluster.call("initdb", "-D", data, "-U", NOT_ROOT, "--auth=trust", "-E", "UTF8", "--no-sync")
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c max_connections=30"
        log = str(folder / "log")
        cluster.call("pg_ctl", "-D", data, "-l", log, "-o", options, "-w", "start")
        try:
            yield cluster
        finally:
            cluster.call("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
