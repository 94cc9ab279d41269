"""A scenario's configuration as paths with single values: what two of them differ in."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

from scenarios.paths import short_form
from scenarios.resolved import resolved_data
from scenarios.scenario import Scenario

# What decides the numbers; how they are judged, and what is said about them, does not.
SECTIONS: Final = ("cluster", "engine", "workload", "faults", "sweep", "experiment")
_LEFT_OUT: Final = ("cluster.overridden_by", "experiment.replications.", "experiment.confidence")
TEXT_MAX: Final = 200  # characters; of a longer text, such as a snapshot, the digest is kept
PATHS_MAX: Final = 20_000


def configuration(scenario: Scenario) -> dict[str, Any]:
    """Return every path of the resolved scenario that decides a number, with its value, in order.

    Of a scenario with more paths than `PATHS_MAX`, the rest is one digest under the path `...`.
    """
    data = resolved_data(scenario.document, scenario.file, scenario.sources, scenario.sweep)
    found: dict[str, Any] = {}
    rest = hashlib.sha256()
    cut = False
    for section in SECTIONS:
        for path, value in _leaves(data.get(section), section):
            if path.startswith(_LEFT_OUT):
                continue
            if len(found) < PATHS_MAX:
                found[short_form(path)] = value
            else:
                cut = True
                rest.update(f"{path}={value!r}\n".encode())
    return found | ({"...": f"sha256:{rest.hexdigest()}"} if cut else {})


def _leaves(data: Any, path: str) -> Iterable[tuple[str, Any]]:
    if isinstance(data, Mapping) and data:
        for key, item in data.items():
            yield from _leaves(item, f"{path}.{key}")
    elif isinstance(data, list | tuple) and any(isinstance(item, Mapping | list | tuple) for item in data):
        for index, item in enumerate(data):
            yield from _leaves(item, f"{path}.{index}")
    elif data is not None:
        yield path, _short(data)


def _short(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_short(item) for item in value]
    if isinstance(value, str) and len(value) > TEXT_MAX:
        return f"sha256:{hashlib.sha256(value.encode(errors='surrogatepass')).hexdigest()}"
    return {} if isinstance(value, Mapping) else value
