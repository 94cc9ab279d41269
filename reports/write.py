"""Writing the documents of a run into its directory."""

import os
from pathlib import Path

from reports.documents import points_csv, summary_text
from reports.html import html_text
from reports.junit import junit_text
from reports.markdown import markdown_text
from reports.summary import Summary


def write(directory: Path | str, summary: Summary) -> dict[str, Path]:
    """Write every document of the run; return their paths by name.

    Each is written beside its place and then moved there, so none is ever half written.
    """
    root = Path(directory)
    documents = {
        "summary.json": summary_text(summary),
        "points.csv": points_csv(summary),
        "report.html": html_text(summary),
        "report.md": markdown_text(summary),
        "junit.xml": junit_text(summary),
    }
    return {name: _write(root / name, text) for name, text in documents.items()}


def _write(path: Path, text: str) -> Path:
    draft = path.with_name(path.name + ".part")
    draft.write_text(text, encoding="utf-8", newline="\n")
    os.replace(draft, path)  # noqa: PTH105 - one step, over an existing file
    return path
