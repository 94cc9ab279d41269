"""Colours of the figures. A figure is drawn in stand-in colours that the page then replaces by CSS variables.

So one drawing serves light and dark: the page's style sheet says what `--ink` is in each.
"""

import re
from typing import Final

from engine.core.causes import Cause

INK: Final = "#010101"  # text and the lines that matter
MUTED: Final = "#010102"  # axes, ticks
GRID: Final = "#010103"
PAPER: Final = "#010104"  # the page behind
LIMIT: Final = "#010105"  # target lines
_RAMP_LENGTH: Final = 6
# Heat map classes by margin, best first; each has a colour and an ink that is read on it.
HEAT_EDGES: Final = (0.5, 0.2, 0.0, -0.2, -1.0)


def _slug(cause: str) -> str:
    return re.sub(r"[^a-z]+", "-", cause.lower())


_VARIABLES: dict[str, str] = {
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--grid",
    PAPER: "--paper",
    LIMIT: "--limit",
    **{f"#0102{index:02x}": f"--s{index}" for index in range(_RAMP_LENGTH)},
    **{f"#0103{index:02x}": f"--h{index}" for index in range(len(HEAT_EDGES) + 1)},
    **{f"#0104{index:02x}": f"--hi{index}" for index in range(len(HEAT_EDGES) + 1)},
    **{f"#0105{index:02x}": f"--c-{_slug(cause)}" for index, cause in enumerate([*Cause, "smaller"])},
}
_STAND_IN = re.compile("|".join(_VARIABLES))


def ramp(index: int, count: int) -> str:
    """Return the colour of one of `count` ordered series, from faint to strong."""
    if count <= 1:
        return f"#0102{_RAMP_LENGTH - 1:02x}"
    return f"#0102{round(index * (_RAMP_LENGTH - 1) / (count - 1)):02x}"


def heat(margin: float) -> tuple[str, str]:
    """Return the colour of a margin, and of the text upon it."""
    index = next((number for number, edge in enumerate(HEAT_EDGES) if margin >= edge), len(HEAT_EDGES))
    return f"#0103{index:02x}", f"#0104{index:02x}"


def cause_color(cause: str | None) -> str:
    """Return the colour of a cause; of all the small ones together for None."""
    names = [item.value for item in Cause]
    return f"#0105{names.index(cause) if cause in names else len(names):02x}"


def cause_variable(cause: str | None) -> str:
    """Return the CSS variable of a cause."""
    return _VARIABLES[cause_color(cause)]


def themed(svg: str) -> str:
    """Replace the stand-in colours by CSS variables."""
    return _STAND_IN.sub(lambda found: f"var({_VARIABLES[found.group()]})", svg)
