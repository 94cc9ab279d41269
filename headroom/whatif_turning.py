"""What a knob comes to in a scenario: what is set there, from what to what, or why it cannot be turned."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import scenarios
from engine.core.definition import Workflow
from headroom import whatif_knobs
from headroom.errors import HarnessError
from headroom.whatif_everywhere import Everywhere
from headroom.whatif_knobs import EVERYWHERE, Knob, Turn
from headroom.whatif_steps import EXPECTED, NotApplicable, parse_step, shown, turned
from reports import exits
from scenarios import RunSpec, Scenario
from scenarios.errors import did_you_mean
from scenarios.paths import is_path, look_up, short_form
from scenarios.resolved import paths_of
from scenarios.unfolded import changed, unfolded
from scenarios.units import UnitError

_PARAMETERS = whatif_knobs.P
_POOLS = "cluster.pools."
_SEMAPHORES = "engine.semaphores."


@dataclass(frozen=True)
class Setting:
    """A knob that has been turned: the scenario that comes of it, or the reason why there is none."""

    knob: Knob
    change: str = ""  # what was set, from what to what, in words
    scenario: Scenario | None = None
    reason: str = ""


class Bench:
    """A scenario's point with everything explicit, on which knobs are turned one at a time."""

    def __init__(self, scenario: Scenario) -> None:
        """Take a scenario of one point."""
        self.whole = unfolded(scenario)
        self.base = changed(self.whole, {})
        self.spec = scenarios.compile(self.base, self.base.points()[0], 0)

    def knobs(self) -> list[Knob]:
        """Return the catalogue, with a knob for each pool of nodes."""
        paths = list(scenarios.node_knobs(self.base))
        counts = [whatif_knobs.nodes(path, self._pool(path) if len(paths) > 1 else "") for path in paths]
        return counts + [knob for area in whatif_knobs.CATALOGUE for knob in area]

    def _pool(self, path: str) -> str:
        if path.startswith(_POOLS):
            return path.removeprefix(_POOLS)
        return str(self.whole.data["cluster"]["inline"]["nodes"][0]["name"])

    def own_knob(self, text: str) -> Knob:
        """Return the knob that a user's ``PATH=STEP`` means.

        Raises:
            HarnessError: it has not that form, or the scenario has nothing at that path.
        """
        path, separator, written = text.partition("=")
        path = short_form(path)
        if not separator or not (is_path(path) or path in EVERYWHERE):
            raise HarnessError(f"--knob {text}: expected PATH=STEP, with {EXPECTED}", exits.USAGE)
        try:
            parse_step(written)
        except UnitError as error:
            raise HarnessError(
                f"--knob {text}: {error.message}; expected {error.expected}", exits.USAGE
            ) from None
        if path not in EVERYWHERE and not self._current(path)[0]:
            known = [
                short_form(it)
                for key in ("engine", "workload", "cluster")
                for it in paths_of(self.whole.data[key], key)
            ]
            hint = did_you_mean(path, known)
            raise HarnessError(f"--knob {text}: the scenario has nothing at {path}", exits.USAGE, hint)
        return Knob(f"{path} {written}", (Turn(path, written),), "")

    def turn(self, knob: Knob) -> Setting:
        """Turn one knob, from where the scenario has it."""
        blocked = NEEDS[knob.needs](self.spec) if knob.needs else ""
        if blocked:
            return Setting(knob, reason=blocked)
        values: dict[str, Any] = {}
        words: list[str] = []
        for number, turn in enumerate(knob.turns):
            try:
                found, told = self._turned(turn)
            except NotApplicable as error:
                if number == 0:  # what matters most of the knob
                    return Setting(knob, reason=f"{_named(turn.path)}: {error}")
                continue
            values |= found
            words.append(told)
        return Setting(knob, ", ".join(words), changed(self.whole, values))

    def _turned(self, turn: Turn) -> tuple[dict[str, Any], str]:
        step = parse_step(turn.step)
        if turn.path in EVERYWHERE:
            everywhere = Everywhere(lambda value, whole: turned(value, step, whole=whole))
            values = everywhere.turn(self.whole.data, turn.path)
            return values, _told(turn, everywhere.changes)
        values, changes = {}, []
        for path in self._matching(turn.path):
            before = self._current(path)[1]
            values[path] = turned(before, step)
            changes.append((before, values[path]))
        return values, _told(turn, changes)

    def _current(self, path: str) -> tuple[bool, Any]:
        """Return whether the scenario has a value at a path, and which."""
        if path == whatif_knobs.NODES_PATH or path.startswith(_POOLS):
            counts = scenarios.node_knobs(self.base)
            return path in counts, counts.get(path)
        if path.startswith(_SEMAPHORES) and path.count(".") == 2:  # which workflows may have declared
            held = self.spec.engine.semaphores.get(path.removeprefix(_SEMAPHORES))
            return held is not None, held
        found, value = look_up(self.whole.data, path)
        if _fractional(path) and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        return found, value

    def _matching(self, path: str) -> Iterator[str]:
        if "*" not in path:
            yield path
            return
        known = [f"{_PARAMETERS}{name}" for name in self.spec.cluster.parameters]
        known += [f"engine.rates.{name}.rate" for name in self.spec.engine.rates]
        known += [f"{_SEMAPHORES}{name}" for name in self.spec.engine.semaphores if "." not in name]
        matching = [name for name in known if fnmatchcase(name, path)]
        if not matching:
            raise NotApplicable("there is none")
        yield from matching


def _fractional(path: str) -> bool:
    """Tell whether a number that happens to be whole need not stay so."""
    parameter = scenarios.CATALOGUE.get(path.removeprefix(_PARAMETERS))
    return path == "engine.client.qps" or (parameter is not None and parameter.kind == "number")


def _named(path: str) -> str:
    return short_form(path).removeprefix(_PARAMETERS)


def _told(turn: Turn, changes: Sequence[tuple[Any, Any]]) -> str:
    """Say what was set: from what to what where that is one thing, otherwise by which step and how many."""
    distinct = list(dict.fromkeys((shown(before), shown(after)) for before, after in changes))
    before, after = distinct[0]
    if isinstance(changes[0][0], Mapping) and len(changes) == 1:
        return f"{_named(turn.path)} {turn.step}"
    if len(distinct) == 1:
        return f"{_named(turn.path)} {before} → {after}"
    return f"{_named(turn.path)} {turn.step} ({len(changes)} of them)"


def _dispatch(spec: RunSpec) -> str:
    return (
        "no step waits for a slot: engine.step_slots is unlimited" if spec.engine.step_slots is None else ""
    )


def _steps(spec: RunSpec) -> str:
    flows = (spec.workload.workflow, *spec.workload.subflows)
    most = max(len(Workflow.from_json(flow).steps) for flow in flows)
    return "" if most > 1 else "the workflow has a single step"


def _backoff(spec: RunSpec) -> str:
    return "engine.throttle_backoff is set already" if spec.engine.throttle_backoff_ns else ""


def _host(spec: RunSpec) -> str:
    if spec.cluster.parameters["host.cores"]:
        return ""
    return "the control plane's machine is not modelled: host.cores is 0"


def _autoscalers(spec: RunSpec) -> str:
    there = any(item["kind"] == "HorizontalPodAutoscaler" for item in spec.cluster.objects)
    return "" if there else "the cluster has no HorizontalPodAutoscaler"


def _pools(spec: RunSpec) -> str:
    return "" if any(pool["autoscaled"] for pool in spec.cluster.pools) else "no pool of nodes is autoscaled"


def _faults(spec: RunSpec) -> str:
    return "" if spec.faults else "the scenario has no faults"


NEEDS: Mapping[str, Callable[[RunSpec], str]] = {
    "queue of steps": _dispatch,
    "several steps": _steps,
    "no back-off": _backoff,
    "host": _host,
    "autoscalers": _autoscalers,
    "autoscaled pools": _pools,
    "faults": _faults,
}
"""What must be so for a knob to be turned: nothing if it is, otherwise the reason why not."""
