"""What one step of a definition must keep to, by its kind. Every refusal names the place."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from engine.core.conditions import EXPRESSION_LENGTH_MAX
from engine.core.errors import DefinitionError
from engine.core.instants import InvalidInstant, parse_instant
from engine.core.parameters import RESERVED

if TYPE_CHECKING:  # definition.py calls this module while it builds
    from engine.core.definition import RetryPolicy, Rollback, Step

ATTEMPTS_MAX: Final = 100
ITERATIONS_MAX: Final = 10_000
DURATION_NS_MAX: Final = 366 * 24 * 3_600 * 1_000_000_000
_DEMANDS: Final = ("cpu_m", "memory_b", "pods")
_BACKOFF_MAX: Final = 100.0
_NAME_LENGTH_MAX: Final = 253

_LOCKING: Final = ("action", "parallel", "sequential", "loop", "subflow")
_GIVING: Final = ("action", "condition", "decision", "wait", "loop", "subflow")  # kinds that have outputs
_FETCHING: Final = ("condition", "wait")

# Fields that apply to some kinds only, the kinds they apply to, and whether those kinds must have them.
_APPLIES: Final[tuple[tuple[str, tuple[str, ...], bool], ...]] = (
    ("action", ("action",), True),
    ("parameters", ("action", "subflow", *_FETCHING), False),
    ("timeout_ns", ("action", *_FETCHING), False),
    ("lock", _LOCKING, False),
    ("locks", _LOCKING, False),
    ("demand", ("action",), False),
    ("rollback", ("action",), False),
    ("condition", ("condition",), True),
    ("branches", ("decision",), True),
    ("wait_ns", ("wait",), False),
    ("until", ("wait",), False),
    ("signal", ("wait",), False),
    ("poll_ns", ("wait",), False),
    ("fetch", _FETCHING, False),
    ("steps", ("parallel", "sequential", "loop"), True),
    ("items", ("loop",), False),
    ("range", ("loop",), False),
    ("parallelism", ("loop",), False),
    ("iterations_max", ("loop",), False),
    ("break_when", ("loop",), False),
    ("workflow", ("subflow",), True),
    ("ensure", ("action", "wait", "loop", "subflow"), False),
    ("exports", _GIVING, False),
)


def check_step(step: "Step", defaults: Mapping[str, Any], where: str) -> None:
    """Raise `DefinitionError` unless the step's fields fit its kind. `defaults` are those of a step."""
    for name, kinds, required in _APPLIES:
        value = getattr(step, name)
        empty = value == defaults[name] or (not value and value is not None and value is not False)
        if step.kind not in kinds and not empty and not (name == "condition" and step.kind == "wait"):
            raise DefinitionError(f"{where}: {name} does not apply to a {step.kind} step")
        if step.kind in kinds and required and empty:
            raise DefinitionError(f"{where}: a {step.kind} step must have {name}")
    check_duration(step.timeout_ns, f"{where}: timeout_ns", positive=True)
    check_duration(step.wait_ns, f"{where}: wait_ns")
    check_duration(step.expected_ns, f"{where}: expected_ns")
    check_duration(step.poll_ns, f"{where}: poll_ns", positive=True)
    _check_retry(step.retry, f"{where}: retry", applies=step.kind == "action" or bool(step.fetch))
    _check_expressions(step, where)
    _check_branches(step, where)
    check_json(step.parameters, f"{where}: parameters")
    if step.kind in _FETCHING:
        _check_fetching(step, where)
    if step.kind == "loop":
        _check_loop(step, where)
    if step.rollback is not None:
        _check_rollback(step.rollback, f"{where}: rollback")
    _check_names(step, where)


def check_duration(value: Any, where: str, *, positive: bool = False) -> None:
    """Refuse what is no duration: whole nanoseconds, or None."""
    if value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool):
        raise DefinitionError(f"{where}: expected whole nanoseconds, not {value!r}")
    if not positive <= value <= DURATION_NS_MAX:
        raise DefinitionError(f"{where}: {value} is not between {int(positive)} and {DURATION_NS_MAX}")


def check_count(value: Any, where: str, lowest: int, highest: int) -> None:
    """Refuse what is no whole number of a range."""
    if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
        raise DefinitionError(f"{where}: {value!r} is not a whole number between {lowest} and {highest}")


def check_texts(values: Mapping[str, Any], where: str) -> None:
    """Refuse a mapping that is not of names to texts, or that names what is reserved."""
    for name, text in values.items():
        if not name or name in RESERVED:
            raise DefinitionError(f"{where}: {name!r} cannot be a name; {', '.join(RESERVED)} are reserved")
        if not isinstance(text, str):
            raise DefinitionError(f"{where}: {name}: expected text, not {text!r}")


def check_json(value: Any, where: str) -> None:
    """Refuse what a history could not write; iterative, as the depth is not trusted."""
    pending: list[Any] = [value]
    while pending:
        part = pending.pop()
        if isinstance(part, Mapping):
            if not all(isinstance(key, str) for key in part):
                raise DefinitionError(f"{where}: keys must be text")
            pending.extend(part.values())
        elif isinstance(part, (list, tuple)):
            pending.extend(part)
        elif part is not None and not isinstance(part, (str, int, float)):
            raise DefinitionError(f"{where}: {part!r} is not a JSON value")


def _check_retry(retry: "RetryPolicy", where: str, *, applies: bool) -> None:
    if not applies and retry.max_attempts != 1:
        raise DefinitionError(f"{where}: only action steps and fetched conditions are tried again")
    if not 1 <= retry.max_attempts <= ATTEMPTS_MAX:
        raise DefinitionError(
            f"{where}: max_attempts {retry.max_attempts} is not between 1 and {ATTEMPTS_MAX}"
        )
    if not 1.0 <= retry.backoff <= _BACKOFF_MAX:
        raise DefinitionError(f"{where}: backoff {retry.backoff} is not between 1 and {_BACKOFF_MAX:g}")
    check_duration(retry.delay_ns, f"{where}: delay_ns")
    check_duration(retry.delay_ns_max, f"{where}: delay_ns_max")


def _check_expressions(step: "Step", where: str) -> None:
    own = (step.when, step.condition, step.ensure, step.break_when)
    for text in (*own, *(branch.when for branch in step.branches)):
        if len(text) > EXPRESSION_LENGTH_MAX:
            raise DefinitionError(
                f"{where}: an expression of {len(text)} characters; at most {EXPRESSION_LENGTH_MAX}"
            )


def _check_branches(step: "Step", where: str) -> None:
    for position, branch in enumerate(step.branches):
        if not branch.when and position != len(step.branches) - 1:
            raise DefinitionError(f"{where}: the default branch must be the last")
        if not branch.steps and branch.when:
            raise DefinitionError(f"{where}: branch {branch.when!r} has no steps")


def _check_fetching(step: "Step", where: str) -> None:
    if not step.fetch and step.parameters:
        raise DefinitionError(
            f"{where}: parameters does not apply to a {step.kind} step that fetches nothing"
        )
    if not step.fetch and step.timeout_ns is not None and not step.signal:
        raise DefinitionError(
            f"{where}: timeout_ns does not apply to a {step.kind} step that fetches nothing"
        )
    if step.kind != "wait":
        return
    given = [name for name in ("wait_ns", "until", "signal", "fetch") if getattr(step, name)]
    if len(given) > 1:
        raise DefinitionError(
            f"{where}: a wait has one of wait_ns, until, signal, fetch; not {', '.join(given)}"
        )
    if bool(step.fetch) != bool(step.condition):
        missing = "condition" if step.fetch else "fetch"
        raise DefinitionError(
            f"{where}: a wait for a condition must have fetch and condition; {missing} is missing"
        )
    if len(step.signal) > _NAME_LENGTH_MAX:
        raise DefinitionError(f"{where}: signal: a name of {len(step.signal)} characters")
    if step.until and "${" not in step.until:
        try:
            parse_instant(step.until)
        except InvalidInstant as error:
            raise DefinitionError(f"{where}: until: {error}") from error


def _check_loop(step: "Step", where: str) -> None:
    if bool(step.items) == bool(step.range):
        raise DefinitionError(f"{where}: a loop must have items or range, and not both")
    if isinstance(step.items, str):
        _check_reference(step.items, f"{where}: items")
    else:
        check_json(step.items, f"{where}: items")
    if step.range and len(step.range) != 3:
        raise DefinitionError(f"{where}: range: expected start, stop, step; found {len(step.range)} values")
    for bound in step.range:
        if isinstance(bound, str):
            _check_reference(bound, f"{where}: range")
        elif type(bound) is not int:
            raise DefinitionError(f"{where}: range: expected whole numbers or ${{path}}, not {bound!r}")
    if step.range and step.range[2] == 0:
        raise DefinitionError(f"{where}: range: a step of 0 never ends")
    check_count(step.iterations_max, f"{where}: iterations_max", 1, ITERATIONS_MAX)
    check_count(step.parallelism, f"{where}: parallelism", 1, ITERATIONS_MAX)
    if step.break_when and step.parallelism != 1:
        raise DefinitionError(f"{where}: break_when needs a parallelism of 1, as iterations end in no order")


def _check_reference(text: str, where: str) -> None:
    if not (text.startswith("${") and text.endswith("}") and text.count("${") == 1):
        raise DefinitionError(f"{where}: expected ${{path}}, not {text!r}")


def _check_rollback(rollback: "Rollback", where: str) -> None:
    _check_retry(rollback.retry, f"{where}: retry", applies=True)
    check_duration(rollback.timeout_ns, f"{where}: timeout_ns", positive=True)
    check_json(rollback.parameters, f"{where}: parameters")


def _check_names(step: "Step", where: str) -> None:
    check_texts(step.exports, f"{where}: exports")
    for name in step.locks:
        if not name:
            raise DefinitionError(f"{where}: locks: expected names, not {name!r}")
    for name, amount in step.demand.items():
        if name not in _DEMANDS:
            raise DefinitionError(f"{where}: demand: unknown {name!r}; known are {', '.join(_DEMANDS)}")
        check_count(amount, f"{where}: demand: {name}", 0, 2**63)


def static_locks(step: "Step") -> Sequence[str]:
    """Return the names of the locks that a step takes for certain, in the order in which it takes them."""
    names = (step.lock, *step.locks) if step.lock else step.locks
    return sorted({name for name in names if "${" not in name})
