"""The remediations of the engine, one a file: coroutines over typed effects, level-triggered, idempotent."""

from collections.abc import Mapping
from typing import Final

from engine.actions import (
    log,
    restart_pod,
    rollback_deployment,
    rollout_restart,
    run_job,
    scale_deployment,
    update_counter,
    wait,
)
from engine.core.action import ActionSpec

_MODULES = (
    log,
    restart_pod,
    rollback_deployment,
    rollout_restart,
    run_job,
    scale_deployment,
    update_counter,
    wait,
)

CATALOGUE: Final[Mapping[str, ActionSpec]] = {module.SPEC.name: module.SPEC for module in _MODULES}
"""Every action by name."""

__all__ = ["CATALOGUE"]
