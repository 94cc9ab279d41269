"""Argo Workflows: manifests of ``argoproj.io``, read as our workflows."""

from scenarios.importers.argo.importer import import_argo
from scenarios.importers.argo.manifest import is_argo

__all__ = ["import_argo", "is_argo"]
