"""The tutorial does what it says."""

import re
from pathlib import Path

from tests.headroom.command import ROOT, headroom

TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")


def test_the_steps_of_the_tutorial_work(tmp_path: Path) -> None:
    scenario = re.search(r"Save this as `checkout.yaml`:\n\n```yaml\n(.*?)```", TUTORIAL, re.DOTALL)
    assert scenario is not None
    (tmp_path / "checkout.yaml").write_text(scenario[1])
    lines = [line.split()[1:] for line in TUTORIAL.splitlines() if line.startswith("    headroom ")]
    assert [line[0] for line in lines] == ["validate", "plan", "run", "run", "replay"]
    for arguments in lines:
        result = headroom(*arguments, cwd=tmp_path)
        assert result.returncode == 0, f"{arguments}: {result.stdout}{result.stderr}"
    runs = sorted(path.name for path in (tmp_path / "runs").iterdir())
    assert runs[0] == "checkout"
    assert len(runs) == 2  # the one with overrides lies beside it
    assert (tmp_path / "runs" / "checkout" / "report.html").is_file()
