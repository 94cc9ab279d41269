"""The remediations of the engine, one a file: coroutines over typed effects, level-triggered, idempotent."""

from collections.abc import Mapping
from typing import Final

from engine.actions import (
    acknowledge_alert,
    collect_diagnostics,
    create_alert,
    escalate_alert,
    log,
    notification,
    restart_pod,
    rollback_deployment,
    rollout_restart,
    run_job,
    scale_deployment,
    silence_alert,
    update_counter,
    wait,
    webhook,
)
from engine.core.action import ActionSpec

_MODULES = (
    acknowledge_alert,
    collect_diagnostics,
    create_alert,
    escalate_alert,
    log,
    notification,
    restart_pod,
    rollback_deployment,
    rollout_restart,
    run_job,
    scale_deployment,
    silence_alert,
    update_counter,
    wait,
    webhook,
)

CATALOGUE: Final[Mapping[str, ActionSpec]] = {module.SPEC.name: module.SPEC for module in _MODULES}
"""Every action by name."""

__all__ = ["CATALOGUE"]
