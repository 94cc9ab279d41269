"""Names at the ends of lines, moved apart where lines end close to one another."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from reports.figures.palette import INK, PAPER
from reports.formats import UNBOUNDED

BACKGROUND = {"facecolor": PAPER, "edgecolor": "none", "pad": 1.0}  # of names that may lie over lines
_SPACING = 11.0  # points between two names


@dataclass(frozen=True)
class EndLabel:
    """A name and where its line ends."""

    x: float
    y: float
    words: str


def place_labels(axes: Axes, labels: Sequence[EndLabel], height: float) -> None:
    """Write the names right of their ends; call when the limits are set. `height` of the axes in points."""
    last = max((label.x for label in labels), default=0.0)
    early: dict[float, list[EndLabel]] = {}
    for label in labels:
        if label.x < last:
            early.setdefault(label.x, []).append(label)
    for x, ending in early.items():  # lines that end early: their names go above, out of the others' way
        axes.annotate(
            ", ".join(label.words for label in ending),
            (x, max(label.y for label in ending)),
            xytext=(0, 6),
            textcoords="offset points",
            ha="center",
            color=INK,
            fontsize=8.5,
            zorder=4,
        )
    labels = [label for label in labels if label.x == last]
    to_axes = axes.transData + axes.transAxes.inverted()
    wanted = sorted(
        ((to_axes.transform((label.x, label.y))[1] * height, label) for label in labels), key=_by_height
    )
    placed: list[float] = []
    for at, _ in wanted:
        placed.append(max(at, placed[-1] + _SPACING) if placed else at)
    surplus = sum(now - at for now, (at, _) in zip(placed, wanted, strict=True)) / max(len(placed), 1)
    for now, (at, label) in zip(placed, wanted, strict=True):
        axes.annotate(
            label.words,
            (label.x, label.y),
            xytext=(7, float(now - at - surplus)),
            textcoords="offset points",
            va="center",
            color=INK,
            fontsize=8.5,
            zorder=4,
        )


def mark_unbounded(axes: Axes, x: float, names: Sequence[str]) -> None:
    """Mark at the top edge what is unbounded at `x`."""
    axes.annotate(
        "\n".join([UNBOUNDED, *names]),
        (x, 1),
        xycoords=("data", "axes fraction"),
        xytext=(0, -1),
        textcoords="offset points",
        ha="center",
        va="top",
        color=INK,
        fontsize=8.5,
        linespacing=0.95,
        zorder=5,
        bbox=BACKGROUND,
    )


def _by_height(entry: tuple[float, EndLabel]) -> float:
    return entry[0]
