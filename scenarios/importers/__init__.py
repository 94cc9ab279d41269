"""Workflows of other formats, read as ours: Argo Workflows, kubernaut's remediations, WfFormat instances."""

from scenarios.importers.imported import Imported
from scenarios.importers.importing import FORMATS, import_file, parse_declarations

__all__ = ["FORMATS", "Imported", "import_file", "parse_declarations"]
