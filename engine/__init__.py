"""A workflow engine for Kubernetes remediations, free of the harness that measures it.

`engine.core` is the machine, `engine.actions` the catalogue of remediations, `engine.cel` the conditions.
Each has its own door: importing `engine` loads none of them.
"""

__all__: list[str] = []
