"""Drawing a figure as SVG that can stand inside a page: small, accessible, the same bytes each time."""

import html
import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from reports.figures.palette import GRID, INK, MUTED, themed
from reports.formats import visible

WIDTH = 9.0  # inches, of 72 units
_SETTINGS: Any = {
    "svg.hashsalt": "headroom",
    "svg.fonttype": "none",  # text stays text: searchable, readable aloud, in the page's own font
    "font.size": 9.5,
    "axes.titlesize": 10,
    "axes.labelsize": 9.5,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.axisbelow": True,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "text.color": INK,
    "text.parse_math": False,  # a name with dollar signs is a name
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "hatch.linewidth": 0.8,
    "hatch.color": INK,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
}
_FONT = re.compile(r"(font: [^;\"]*?px )[^;\"]*")
_TAG = re.compile(r"<[^>]*>")
_LONG_NUMBER = re.compile(r"(\d+\.\d\d)\d+")  # a hundredth of a unit is finer than any screen
_FAMILY = re.compile(r"font-family: [^;\"]*;? ?")


@dataclass(frozen=True)
class Drawing:
    """A finished figure: inline SVG, its title, and what it says in words."""

    name: str
    title: str
    description: str
    svg: str


@contextmanager
def drawing(height: float, width: float = WIDTH) -> Iterator[Figure]:
    """Give an empty figure under the house's settings; draw, and call `finish`, inside."""
    with rc_context(_SETTINGS):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(figure)
        with warnings.catch_warnings():
            # The page's own font writes the text; matplotlib's is only used to measure it.
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            yield figure


def finish(figure: Figure, name: str, title: str, description: str) -> Drawing:
    """Return the figure as SVG with title and description, its ids made unique in the page by `name`."""
    title, description = visible(title), visible(description)
    stream = io.StringIO()
    figure.savefig(
        stream, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
    )
    text = stream.getvalue()
    text = text[text.index("<svg") :].strip()
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    text = re.sub(r'(\sid=")', rf"\1{name}-", text)
    text = re.sub(r'((?:xlink:)?href="#|url\(#)', rf"\1{name}-", text)
    text = _FAMILY.sub("", _FONT.sub(r"\1var(--sans)", text))
    text = _TAG.sub(lambda tag: _LONG_NUMBER.sub(r"\1", tag.group()), text)
    words = (
        f'<title id="{name}-title">{html.escape(title)}</title>'
        f'<desc id="{name}-desc">{html.escape(description)}</desc>'
    )
    head, _, body = text.partition(">")
    size = re.search(r'viewBox="[^"]*"', head)
    opened = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'{size.group() if size else ""} role="img" aria-labelledby="{name}-title {name}-desc">'
    )
    return Drawing(name, title, description, themed(opened + words + body))


def value_ticks(axis: Any, values: list[float], labels: list[str]) -> None:
    """Put ticks at the values that were measured and nowhere else."""
    axis.set_ticks(values, labels=labels)
    axis.set_ticks([], minor=True)


def plain_log(axes: Axes) -> None:
    """Make the value axis logarithmic with plain numbers at 1, 2 and 5."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axes.set_yscale("log")
    low, high = axes.get_ylim()
    subs = (1.0, 2.0, 5.0) if high / low < 200 else (1.0,)
    axes.yaxis.set_major_locator(LogLocator(base=10, subs=subs))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
