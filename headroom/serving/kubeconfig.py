"""A kubeconfig file for the served cluster."""

from pathlib import Path
from typing import Any

from headroom.rundir import write_text
from scenarios.emit import to_yaml

NAME = "headroom"


def write(path: Path, server: str, token: str = "", ca_file: Path | None = None) -> None:
    """Write a kubeconfig whose only context is the served cluster."""
    cluster: dict[str, Any] = {"server": server}
    if ca_file is not None:
        cluster["certificate-authority"] = str(ca_file.resolve())
    user: dict[str, Any] = {"token": token} if token else {}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": NAME, "cluster": cluster}],
        "users": [{"name": NAME, "user": user}],
        "contexts": [{"name": NAME, "context": {"cluster": NAME, "user": NAME, "namespace": "default"}}],
        "current-context": NAME,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, [to_yaml(config)])
    path.chmod(0o600)
