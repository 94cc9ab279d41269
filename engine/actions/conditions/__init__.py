"""Where conditions and waits get values from: coroutines like actions, whose outputs are the `value`."""

from collections.abc import Mapping
from typing import Final

from engine.actions.conditions import metric, resource, time
from engine.core.action import ActionSpec

_MODULES = (metric, resource, time)

CONDITIONS: Final[Mapping[str, ActionSpec]] = {module.SPEC.name: module.SPEC for module in _MODULES}
"""Every condition source by name."""

__all__ = ["CONDITIONS"]
