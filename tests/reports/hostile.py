"""A run whose every name is chosen to break a document."""

import json
from pathlib import Path
from typing import Any

from reports.read import read_run
from reports.summary import Summary, summarise
from tests.reports.synthetic import scenario, target, write_run

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "&amp; {{ 7 * 7 }} {% raw %}",
    "\u202eright to left \u05e9\u05dc\u05d5\u05dd",
    "control \x00\x0b\x1b[31m characters",
    "| pipe ` tick * star $x_1$ \\frac",
    "long " * 2_000,
    "x" * 10_000,
]


def hostile_run(directory: Path) -> Summary:
    """Write and summarise it: two bursts for each name."""
    points: list[dict[str, Any]] = [
        {"load.burst": burst, "workflow.name": name} for burst in (2, 3) for name in HOSTILE
    ]
    write_run(directory, points, 2, detail_points=[0])
    targets = [target(name, "makespan", stat="mean", max=30, requirement=name) for name in HOSTILE]
    sensitivity = [
        {"target": name, "what": name, "flips_at": 2, "flips_at_values": {name: 1.0}} for name in HOSTILE
    ]
    (directory / "sensitivity.json").write_text(json.dumps(sensitivity))
    (directory / "manifest.json").write_text(json.dumps({"command": HOSTILE[0], "platform": HOSTILE[1]}))
    asked = scenario(points, targets, minimum=2, maximum=2, name=HOSTILE[0], description="".join(HOSTILE))
    return summarise(read_run(directory), asked)
