"""Random groups of steps, nested and repeated over items, end as Argo's rules say."""

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.importers.runs import run

Row = dict[str, Any]
CODES = {"ok": 0, "bad": 1}


@st.composite
def groups(draw: st.DrawFn, *, depth: int = 1) -> list[list[Row]]:
    """Return groups of steps; a step may call more groups, or run over items."""
    made: list[list[Row]] = []
    for number in range(draw(st.integers(1, 4))):
        group: list[Row] = []
        for place in range(draw(st.integers(1, 2))):
            row: Row = {
                "name": f"s{number}-{place}",
                "template": draw(st.sampled_from(["ok", "ok", "ok", "bad"])),
            }
            if depth and draw(st.integers(0, 4)) == 0:
                row["template"] = draw(groups(depth=0))
            if draw(st.integers(0, 3)) == 0:
                row["when"] = draw(st.sampled_from(["1 == 2", "1 == 1"]))
            if draw(st.integers(0, 3)) == 0:
                row["continueOn"] = {"failed": True}
            if draw(st.integers(0, 4)) == 0:
                row["withItems"] = ["a", "b"]
            group.append(row)
        made.append(group)
    return made


def manifest(listed: list[list[Row]]) -> str:
    templates: list[Row] = [
        {"name": name, "container": {"image": "a", "command": ["sh", "-c", f"exit {code}"]}}
        for name, code in CODES.items()
    ]

    def written(name: str, rows: list[list[Row]]) -> str:
        steps: list[list[Row]] = []
        for group in rows:
            steps.append([])
            for row in group:
                called = row["template"]
                named = called if isinstance(called, str) else written(f"{name}-{row['name']}", called)
                steps[-1].append({**row, "template": named})
        templates.append({"name": name, "steps": steps})
        return name

    entry = written("main", listed)
    head: Row = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"generateName": "w-"}}
    return json.dumps({**head, "spec": {"entrypoint": entry, "templates": templates}})


def by_argo(listed: list[list[Row]]) -> tuple[dict[str, str], bool]:
    """Return how each step ends, inner ones not, and whether all is well."""
    ends: dict[str, str] = {}
    for group in listed:
        is_well = True
        for row in group:
            called = row["template"]
            if row.get("when") == "1 == 2":
                ends[row["name"]] = "not run"
                continue
            ended_well = called == "ok" if isinstance(called, str) else by_argo(called)[1]
            ends[row["name"]] = "completed" if ended_well else "failed"
            is_well = is_well and (ended_well or "continueOn" in row)
        if not is_well:
            return ends, False
    return ends, True


@settings(max_examples=40, deadline=None)
@given(groups())
def test_random_groups_end_as_argo_says(listed: list[list[Row]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "steps.json"
        file.write_text(manifest(listed), encoding="utf-8")
        ended = run(file, Path(folder))
    ends, is_well = by_argo(listed)
    names = [row["name"] for group in listed for row in group]
    ours = {name: ended.states[name] for name in names}
    told = {name: "not run" if state in ("skipped", "omitted") else state for name, state in ours.items()}
    assert told == {name: ends.get(name, "not run") for name in names}
    assert ended.state == ("completed" if is_well else "failed")
