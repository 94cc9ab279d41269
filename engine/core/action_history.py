"""What has been done to each target, how it ended, whether it helped, and whether it goes in circles.

The history is fed with what an engine takes in and asks for (`note`): the same live, and when a stored
history is replayed after a restart (`replay`). It keeps one entry a step and target, whatever the number of
the step's attempts, and forgets the oldest beyond the policy's limits.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import chain, pairwise
from typing import Any, Final, Literal, NamedTuple

from engine.core.action import ActionSpec
from engine.core.commands import CancelAttempt, Command, ReportExecution, StartAttempt
from engine.core.effects import Ref
from engine.core.errors import ActionError
from engine.core.events import AttemptCancelled, AttemptFailed, AttemptSucceeded, Event, Failure, Remembered
from engine.core.machine import WorkflowEngine

SECOND_NS: Final = 1_000_000_000
OSCILLATING: Final = "Oscillating"
ASSESSING: Final = "assess_target"  # the action whose outcome tells whether a target is healthy
RESTARTING: Final = (
    "delete_pod", "restart_daemonset", "restart_pod", "restart_statefulset", "rollout_restart",
)  # fmt: skip
_WANTED: Final = "replicas"
_BEFORE: Final = "replicas_before"

Outcome = Literal["running", "succeeded", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class OscillationPolicy:
    """When a target counts as oscillating, and what is done about it.

    A target oscillates when it was scaled up and down in turn, with at least `reversals_max` changes of
    direction within `scaling_window_ns`, or when it was restarted at least `restarts_max` times within
    `restart_window_ns`. With `hold_back` an attempt that would go on with it fails at its start, before any
    effect, for the reason Oscillating; `retryable` says whether its step may try again later.
    """

    reversals_max: int = 3
    scaling_window_ns: int = 1_800 * SECOND_NS
    restarts_max: int = 5
    restart_window_ns: int = 600 * SECOND_NS
    restarting: tuple[str, ...] = RESTARTING
    hold_back: bool = False
    retryable: bool = False
    assessed_after_ns: int = 300 * SECOND_NS  # an action helped if its target is healthy so long afterwards
    entries_max: int = 100  # kept of one target; the oldest go
    targets_max: int = 10_000  # kept at all; those that were not acted on for longest go

    def __post_init__(self) -> None:
        """Refuse a policy under which nothing would ever oscillate, or everything would."""
        for name in ("reversals_max", "restarts_max", "entries_max", "targets_max"):
            if getattr(self, name) < 1:
                raise ValueError(f"OscillationPolicy.{name} must be at least 1, found {getattr(self, name)}")
        for name in ("scaling_window_ns", "restart_window_ns"):
            if getattr(self, name) <= 0:
                raise ValueError(f"OscillationPolicy.{name} must be positive, found {getattr(self, name)}")
        if self.assessed_after_ns < 0:
            raise ValueError(
                f"OscillationPolicy.assessed_after_ns must not be negative, found {self.assessed_after_ns}"
            )
        if self.entries_max <= max(self.reversals_max, self.restarts_max):
            raise ValueError(
                f"OscillationPolicy.entries_max ({self.entries_max}) must be more than reversals_max and "
                "restarts_max, or no oscillation could be seen"
            )


@dataclass(slots=True)
class Entry:
    """What one step did to one target. Instants are ns of the engine's clock; -1 is not yet.

    `has_acted` says that it may have changed something: it succeeded, or remembered what it was about to
    do. `replicas` is (before, after) of a scaling. `helped` is None until the target is assessed.
    """

    target: Ref
    execution_id: str
    step_id: str
    action: str
    is_rollback: bool
    attempt: int
    started_ns: int
    ended_ns: int = -1
    outcome: Outcome = "running"
    reason: str = ""
    has_acted: bool = False
    wanted: int | None = None  # replicas that the step asks for
    replicas: tuple[int, int] | None = None
    helped: bool | None = None

    @property
    def direction(self) -> int:
        """1 scaled up, -1 down, 0 neither."""
        if self.replicas is None or not self.has_acted:
            return 0
        before, after = self.replicas
        return (after > before) - (after < before)


class Oscillation(NamedTuple):
    """A target that goes in circles: how, how often within the window."""

    kind: Literal["scaling", "restarts"]
    times: int
    window_ns: int


class Summary(NamedTuple):
    """What came of one action, over all targets that are remembered."""

    steps: int
    succeeded: int
    helped: int
    did_not_help: int
    held_back: int


_Key = tuple[str, bool]  # a step of an execution, and whether it is the step's rollback


class ActionHistory:
    """Entries by target, oldest first. `note` belongs on a host's `on_handled`, `guard` is its `guard`."""

    def __init__(self, actions: Mapping[str, ActionSpec], policy: OscillationPolicy | None = None) -> None:
        """Watch those of `actions` that name a target."""
        self.policy = policy or OscillationPolicy()
        self._actions = actions
        self._by_target: dict[Ref, deque[Entry]] = {}  # the target acted on last comes last
        self._by_execution: dict[str, dict[_Key, Entry]] = {}  # those that have not ended
        self._assessing: dict[tuple[str, str], Ref] = {}  # by execution and step
        self._take: Mapping[type, Callable[[Any, int], None]] = {
            AttemptSucceeded: self._succeeded,
            AttemptFailed: lambda event, now: self._ended(event, now, "failed", event.failure.reason),
            AttemptCancelled: lambda event, now: self._ended(event, now, "cancelled", ""),
            CancelAttempt: lambda command, now: self._ended(command, now, "cancelled", ""),
            Remembered: self._remembered,
            StartAttempt: self._started,
            ReportExecution: lambda command, _now: self._forget(command.execution_id),
        }

    # -- what happens

    def note(self, now: int, event: Event, commands: tuple[Command, ...]) -> None:
        """Take in one event, and what the engine asked for because of it."""
        for one in (event, *commands):
            take = self._take.get(type(one))
            if take is not None:
                take(one, now)

    def observe(self, target: Ref, now: int, *, is_healthy: bool) -> int:
        """Take a look at a target: what was done long enough ago has helped, or not. Return how many."""
        due = [
            entry
            for entry in self._by_target.get(target, ())
            if entry.helped is None
            and entry.outcome == "succeeded"
            and entry.ended_ns + self.policy.assessed_after_ns <= now
        ]
        for entry in due:
            entry.helped = is_healthy
        return len(due)

    def _started(self, command: StartAttempt, now: int) -> None:
        spec = self._actions.get(command.action)
        if spec is None or spec.target is None:
            return
        steps = self._by_execution.setdefault(command.execution_id, {})
        entry = steps.get((command.step_id, command.is_rollback))
        if entry is not None:  # a later attempt goes on with what the step has begun
            entry.attempt, entry.outcome, entry.reason, entry.ended_ns = command.attempt, "running", "", -1
            return
        try:
            parameters = spec.bind(command.parameters)
        except ActionError:
            return  # nothing is going to be done
        target = spec.target(parameters)
        if target is None:
            return
        if spec.name == ASSESSING:
            self._assessing[command.execution_id, command.step_id] = target
            return
        entry = Entry(
            target,
            command.execution_id,
            command.step_id,
            spec.name,
            command.is_rollback,
            command.attempt,
            now,
        )
        if command.is_rollback:
            entry.wanted = _count(command.outputs.get(_BEFORE))
            entry.replicas = _pair(command.outputs.get(_WANTED), entry.wanted)
        else:
            entry.wanted = _count(parameters.get(_WANTED))
        steps[command.step_id, command.is_rollback] = entry
        self._file(entry)

    def _file(self, entry: Entry) -> None:
        entries = self._by_target.pop(entry.target, None)
        if entries is None:
            entries = deque(maxlen=self.policy.entries_max)
        self._by_target[entry.target] = entries
        entries.append(entry)
        if len(self._by_target) > self.policy.targets_max:
            del self._by_target[next(iter(self._by_target))]

    def _entry(self, one: Any) -> Entry | None:
        """Return the entry of an attempt; once a step is rolled back, its attempts are the rollback's."""
        steps = self._by_execution.get(one.execution_id, {})
        return steps.get((one.step_id, True)) or steps.get((one.step_id, False))

    def _remembered(self, event: Remembered, _now: int) -> None:
        entry = self._entry(event)
        if entry is not None:
            entry.has_acted = True
            if event.key == _BEFORE and entry.replicas is None:
                entry.replicas = _pair(event.value, entry.wanted)

    def _succeeded(self, event: AttemptSucceeded, now: int) -> None:
        assessed = self._assessing.get((event.execution_id, event.step_id))
        if assessed is not None:
            self.observe(assessed, now, is_healthy=bool(event.outputs.get("healthy")))
        entry = self._entry(event)
        if entry is None:
            return
        entry.has_acted = True
        if not entry.is_rollback:
            entry.replicas = _pair(event.outputs.get(_BEFORE), entry.wanted) or entry.replicas
        deployment = event.outputs.get("deployment")
        if entry.target.kind == "Pod" and isinstance(deployment, str) and deployment:
            self._move(entry, Ref("Deployment", deployment, entry.target.namespace))
        self._ended(event, now, "succeeded", "")

    def _move(self, entry: Entry, target: Ref) -> None:
        """File a pod's entry under its Deployment: the next pod to be restarted has another name."""
        entries = self._by_target.get(entry.target)
        if entries is not None and entry in entries:
            entries.remove(entry)
            if not entries:
                del self._by_target[entry.target]
            entry.target = target
            self._file(entry)

    def _ended(self, one: Any, now: int, outcome: Outcome, reason: str) -> None:
        self._assessing.pop((one.execution_id, one.step_id), None)
        entry = self._entry(one)
        if entry is not None:
            entry.outcome, entry.reason, entry.ended_ns = outcome, reason, now

    def _forget(self, execution_id: str) -> None:
        self._by_execution.pop(execution_id, None)

    def replay(self, events: Iterable[tuple[int, Event]], engine: WorkflowEngine) -> None:
        """Take in stored events again, with the engine that they happened to: new, or from a snapshot.

        From a snapshot, `restore` what was kept with it first.
        """
        for now, event in events:
            commands = engine.handle(event, now)
            self.note(now, event, commands)
            for command in commands:
                if isinstance(command, ReportExecution):
                    engine.forget(command.execution_id)

    # -- what follows

    def targets(self) -> list[Ref]:
        """Return the targets that are remembered, the one acted on last at the end."""
        return list(self._by_target)

    def of(self, target: Ref) -> list[Entry]:
        """Return the entries of one target, oldest first."""
        return list(self._by_target.get(target, ()))

    def oscillation(self, target: Ref, now: int) -> Oscillation | None:
        """Return how a target goes in circles at present, if it does."""
        policy = self.policy
        reversals = _reversals(self._directions(target, now))
        if reversals >= policy.reversals_max:
            return Oscillation("scaling", reversals, policy.scaling_window_ns)
        restarts = self._restarts(target, now)
        if restarts >= policy.restarts_max:
            return Oscillation("restarts", restarts, policy.restart_window_ns)
        return None

    def _directions(self, target: Ref, now: int) -> list[int]:
        since = now - self.policy.scaling_window_ns
        entries = self._by_target.get(target, ())
        return [entry.direction for entry in entries if entry.direction and entry.started_ns >= since]

    def _restarts(self, target: Ref, now: int) -> int:
        since, restarting = now - self.policy.restart_window_ns, self.policy.restarting
        entries = self._by_target.get(target, ())
        return sum(
            entry.has_acted and entry.action in restarting and entry.started_ns >= since for entry in entries
        )

    def guard(
        self, command: StartAttempt, spec: ActionSpec, parameters: Mapping[str, Any], now: int
    ) -> Failure | None:
        """Hold an attempt back if its target oscillates and it would go on with that.

        A rollback is never held back, nor is a step that has begun to act in an earlier attempt.
        """
        policy = self.policy
        target = spec.target(parameters) if policy.hold_back and spec.target is not None else None
        if target is None or command.is_rollback or command.memory:
            return None
        count, limit, window_ns, what = 0, policy.restarts_max, policy.restart_window_ns, "restarts"
        wanted = _count(parameters.get(_WANTED))
        if spec.name in policy.restarting:
            count = self._restarts(target, now)
        elif wanted is not None:
            limit, window_ns, what = policy.reversals_max, policy.scaling_window_ns, "turns of its scaling"
            count = self._reversals_with(target, wanted, now)
        if count < limit:
            return None
        message = (
            f"{target} goes in circles: {count} {what} within {window_ns // SECOND_NS} s, "
            f"{limit} are too many; find out why, or raise the limit in the oscillation policy"
        )
        return Failure(OSCILLATING, message, policy.retryable)

    def _reversals_with(self, target: Ref, wanted: int, now: int) -> int:
        """Return the reversals that there would be if the target were scaled to `wanted` and that is one."""
        directions = self._directions(target, now)
        scaled = [entry.replicas for entry in self._by_target.get(target, ()) if entry.direction]
        last = scaled[-1] if scaled else None
        if last is None or not directions:
            return 0
        direction = (wanted > last[1]) - (wanted < last[1])
        return _reversals([*directions, direction]) if direction == -directions[-1] else 0

    def summary(self) -> dict[str, Summary]:
        """Return, by action in order of name, what came of it."""
        by_action: dict[str, list[Entry]] = {}
        for entry in chain.from_iterable(self._by_target.values()):
            by_action.setdefault(entry.action, []).append(entry)
        return {
            action: Summary(
                steps=len(entries),
                succeeded=sum(entry.outcome == "succeeded" for entry in entries),
                helped=sum(entry.helped is True for entry in entries),
                did_not_help=sum(entry.helped is False for entry in entries),
                held_back=sum(entry.reason == OSCILLATING for entry in entries),
            )
            for action, entries in sorted(by_action.items())
        }

    # -- what survives

    def to_json(self) -> list[dict[str, Any]]:
        """Return all entries as JSON values, in order, for a snapshot; then the assessments under way."""
        entries = [
            {**asdict(entry), "target": list(entry.target), "is_open": self._is_open(entry)}
            for entry in chain.from_iterable(self._by_target.values())
        ]
        assessing = self._assessing.items()
        return [*entries, *({"assessing": [*key], "target": [*target]} for key, target in assessing)]

    def _is_open(self, entry: Entry) -> bool:
        known = self._by_execution.get(entry.execution_id, {})
        return known.get((entry.step_id, entry.is_rollback)) is entry

    def restore(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take in what `to_json` gave, before anything else is noted."""
        for row in rows:
            if "assessing" in row:
                execution_id, step_id = row["assessing"]
                self._assessing[execution_id, step_id] = Ref(*row["target"])
                continue
            fields = {name: value for name, value in row.items() if name not in ("is_open", "target")}
            pair = fields["replicas"]
            entry = Entry(
                Ref(*row["target"]), **{**fields, "replicas": tuple(pair) if pair is not None else None}
            )
            self._file(entry)
            if row["is_open"]:
                steps = self._by_execution.setdefault(entry.execution_id, {})
                steps[entry.step_id, entry.is_rollback] = entry


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _pair(before: Any, after: int | None) -> tuple[int, int] | None:
    before = _count(before)
    return None if before is None or after is None else (before, after)


def _reversals(directions: list[int]) -> int:
    return sum(one != other for one, other in pairwise(directions))
