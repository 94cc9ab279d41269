"""Names at the ends of lines, moved apart where lines end close to one another."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes

from reports.figures.palette import INK, LIMIT, PAPER
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


def place_limit(axes: Axes, limit: float, words: str, others: Sequence[EndLabel], width: float) -> None:
    """Name a horizontal limit where the fewest lines and names are met; call when the limits are set.

    `width` of the axes in points.
    """
    to_axes = axes.transData + axes.transAxes.inverted()
    ends = [to_axes.transform((label.x, label.y)) for label in others]
    taken = [(x + step, y) for x, y in ends for step in (0.02, 0.08)]
    for line in axes.lines:
        points = to_axes.transform(line.get_xydata())
        if len(points) > 1 and line.get_transform() == axes.transData:
            for start, end in pairwise(points):
                taken += [tuple(start + (end - start) * part) for part in np.linspace(0, 1, 12)]
    at, length, height = to_axes.transform((0, limit))[1], 4.6 * len(words) / width, 0.13
    places = [(left, up) for left in (0.01, max(0.99 - length, 0.01)) for up in (True, False)]

    def met(place: tuple[float, bool]) -> int:
        left, up = place
        low = at if up else at - height
        return sum(left <= x <= left + length and low <= y <= low + height for x, y in taken)

    left, up = min(places, key=met)
    axes.annotate(
        words,
        (left, limit),
        xycoords=("axes fraction", "data"),
        xytext=(0, 4 if up else -4),
        textcoords="offset points",
        va="bottom" if up else "top",
        color=LIMIT,
        fontsize=8.5,
        zorder=5,
        bbox=BACKGROUND,
    )


def _by_height(entry: tuple[float, EndLabel]) -> float:
    return entry[0]
