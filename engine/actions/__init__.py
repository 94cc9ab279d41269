"""The remediations of the engine: coroutines over typed effects, one a file, level-triggered and idempotent."""

from collections.abc import Mapping
from typing import Final

from engine.actions import restart_pod
from engine.core.action import ActionSpec

CATALOGUE: Final[Mapping[str, ActionSpec]] = {spec.name: spec for spec in (restart_pod.SPEC,)}
"""Every action by name."""

__all__ = ["CATALOGUE"]
