"""The remediations of the engine, one a file: coroutines over typed effects, level-triggered, idempotent."""

from collections.abc import Mapping
from typing import Final

from engine.actions import (
    acknowledge_alert,
    assess_target,
    backup_data,
    cleanup_storage,
    collect_diagnostics,
    compact_storage,
    cordon_node,
    create_alert,
    delete_pod,
    drain_node,
    escalate_alert,
    expand_pvc,
    increase_resources,
    log,
    notification,
    quarantine_pod,
    restart_daemonset,
    restart_pod,
    restart_statefulset,
    rollback_deployment,
    rollout_restart,
    rotate_secrets,
    run_job,
    scale_deployment,
    scale_statefulset,
    silence_alert,
    uncordon_node,
    update_counter,
    update_hpa,
    update_network_policy,
    wait,
    webhook,
)
from engine.core.action import ActionSpec

_MODULES = (
    acknowledge_alert,
    assess_target,
    backup_data,
    cleanup_storage,
    collect_diagnostics,
    compact_storage,
    cordon_node,
    create_alert,
    delete_pod,
    drain_node,
    escalate_alert,
    expand_pvc,
    increase_resources,
    log,
    notification,
    quarantine_pod,
    restart_daemonset,
    restart_pod,
    restart_statefulset,
    rollback_deployment,
    rollout_restart,
    rotate_secrets,
    run_job,
    scale_deployment,
    scale_statefulset,
    silence_alert,
    uncordon_node,
    update_counter,
    update_hpa,
    update_network_policy,
    wait,
    webhook,
)

CATALOGUE: Final[Mapping[str, ActionSpec]] = {module.SPEC.name: module.SPEC for module in _MODULES}
"""Every action by name."""

__all__ = ["CATALOGUE"]
