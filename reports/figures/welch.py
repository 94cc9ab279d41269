"""Where the warm-up of a steady experiment was cut: the average over the replications, as Welch draws it."""

import numpy as np

from reports.columns import SECOND_NS, Floats, Settling
from reports.figures.canvas import Drawing, drawing, finish
from reports.figures.palette import INK, LIMIT, ramp
from reports.formats import percent, quantity

_MOST_POINTS = 300  # more than a screen shows
_WINDOW_SHARE = 40  # the moving average is over one part in so many


def welch(found: Settling, where: str, n: int) -> Drawing | None:
    """Draw the mean duration of the k-th execution, its moving average and the cut."""
    series = found.duration_s
    if len(series) < 2:
        return None
    at = found.submitted_s[: len(series)]
    window = max(1, len(series) // _WINDOW_SHARE)
    with drawing(2.6) as figure:
        axes = figure.subplots()
        kept = np.unique(np.linspace(0, len(series) - 1, _MOST_POINTS).round().astype(int))
        name = f"mean of {n} replications"
        axes.plot(at[kept], series[kept], color=ramp(0, 6), linewidth=0.8, label=name)
        smooth = moving_average(series, window)
        name = f"moving average of {2 * window + 1} executions"
        axes.plot(at[kept], smooth[kept], color=ramp(5, 6), label=name)
        cut = found.cut_ns / SECOND_NS
        axes.axvline(
            cut, color=LIMIT, linewidth=1.3, linestyle=(0, (5, 3)), label=f"cut at {quantity(cut, 's')}"
        )
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("submitted after, s")
        axes.set_ylabel("execution duration, s")
        axes.grid(axis="y")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, labelcolor=INK, borderaxespad=0.2)
        verdict = found.reason or "it is steady from there on"
        return finish(
            figure,
            "welch",
            "Warm-up",
            f"Mean duration of the k-th execution over {n} replications at {where}, and its moving average. "
            f"The warm-up is cut at {quantity(cut, 's')} ({found.method}), {percent(found.cut_share)} of the "
            f"run; {found.cut_count} executions are left out; {verdict}.",
        )


def moving_average(series: Floats, window: int) -> Floats:
    """Return the average over `window` neighbours on each side; over as many as there are at the ends."""
    sums = np.concatenate([[0.0], np.cumsum(series)])
    places = np.arange(len(series))
    reach = np.minimum(window, np.minimum(places, len(series) - 1 - places))
    return np.asarray((sums[places + reach + 1] - sums[places - reach]) / (2 * reach + 1), dtype=np.float64)
