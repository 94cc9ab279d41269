"""What an action is to the engine: a named coroutine function with declared parameters.

The catalogue (`engine.actions`) is a mapping of name to `ActionSpec`. Parameters are checked by `bind` when
an attempt starts; what does not fit fails the attempt with ``InvalidParameters``, which no retry can help.
"""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from engine.core.effects import Effect, Ref
from engine.core.errors import ActionError

ParameterType = Literal["string", "integer", "number", "boolean", "object", "array", "any"]

_PYTHON_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (Mapping,),
    "array": (list, tuple),
    "any": (object,),
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an action; `type` is a word of JSON Schema (or ``any``)."""

    type: ParameterType
    required: bool = False
    default: Any = None
    summary: str = ""

    def accepts(self, value: Any) -> bool:
        """Tell whether `value` has the declared type; a boolean is not a number."""
        if isinstance(value, bool) and self.type not in ("boolean", "any"):
            return False
        return isinstance(value, _PYTHON_TYPES[self.type])


@dataclass(frozen=True, slots=True)
class ActionContext:
    """What an attempt knows about itself. `manager` names it as the writer of what it changes."""

    execution_id: str
    step_id: str
    attempt: int
    memory: Mapping[str, Any]
    manager: str
    outputs: Mapping[str, Any] = field(default_factory=dict)  # of the step, when it is rolled back


ActionCoroutine = Coroutine[Effect[Any], Any, Mapping[str, Any]]
ActionFunction = Callable[[ActionContext, Mapping[str, Any]], ActionCoroutine]


@dataclass(frozen=True, slots=True)
class Rule:
    """What an action needs of RBAC: verbs on resources of an API group (empty: the core group)."""

    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    cluster_scoped: bool = False  # needs a ClusterRole


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """A named action. `calls_min` is the fewest API calls it makes when it has something to do.

    `rollback` undoes what `run` did, from the step's outputs and memory; `target` says which object the
    parameters name (it gets them bound or as given, and answers None where they do not say); a `coalescible`
    action may be carried out once for several steps that ask for the same.
    """

    name: str
    run: ActionFunction
    parameters: Mapping[str, Parameter]
    calls_min: int
    summary: str
    rollback: ActionFunction | None = None
    target: Callable[[Mapping[str, Any]], Ref | None] | None = None
    rbac: tuple[Rule, ...] = ()
    coalescible: bool = False
    precondition: str = ""  # what must hold before, in words
    post_condition: str = ""  # what holds afterwards, in words
    irreversible: str = ""  # why there is no rollback, in words; exactly one of the two is given

    def bind(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return `given` with the defaults filled in; raises `InvalidParameters` for what does not fit."""
        bound: dict[str, Any] = {}
        for name, value in given.items():
            parameter = self.parameters.get(name)
            if parameter is None:
                raise _invalid(
                    self.name, f"unknown parameter {name!r}; it takes {', '.join(self.parameters) or 'none'}"
                )
            if value is None and not parameter.required:
                value = parameter.default  # noqa: PLW2901 - an explicit null means "the default", as in Kubernetes
            elif not parameter.accepts(value):
                raise _invalid(
                    self.name, f"parameter {name!r} must be of type {parameter.type}, not {value!r}"
                )
            bound[name] = value
        for name, parameter in self.parameters.items():
            if name not in bound:
                if parameter.required:
                    raise _invalid(self.name, f"parameter {name!r} is required")
                bound[name] = parameter.default
        return bound


class InvalidParameters(ActionError):
    """The parameters given to an action do not fit its declaration."""

    reason = "InvalidParameters"
    retryable = False


def _invalid(action: str, message: str) -> InvalidParameters:
    return InvalidParameters(f"{action}: {message}")
