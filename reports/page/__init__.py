"""The page of a run, section by section. `reports.html` puts them together."""

from reports.page.contents import SECTIONS, Section
from reports.page.verdict import head_values
from reports.page.view import View

__all__ = ["SECTIONS", "Section", "View", "head_values"]
