"""A workflow engine for Kubernetes remediations, free of the harness that measures it.

`engine.core` is the machine, `engine.actions` the catalogue of remediations, `engine.cel` the conditions.
"""

from engine.core import History, Host, Limits, Step, Workflow, WorkflowEngine, replay

__all__ = ["History", "Host", "Limits", "Step", "Workflow", "WorkflowEngine", "replay"]
