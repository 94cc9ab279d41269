"""Seeds that fail, and how to see them again."""

import traceback

from tests.storms.scene import scene_of
from tests.storms.storm import Storm, told


def try_seed(seed: int) -> list[str]:
    """Return what does not hold of a seed; a failure of the model itself is one of these."""
    try:
        return Storm(scene_of(seed), seed).violations()
    except Exception:  # noqa: BLE001 - whatever it is, the seed is to be told
        return [traceback.format_exc(limit=-6)]


def account(seed: int, violations: list[str]) -> str:
    """Tell of a seed that fails: what, in which scene, and the command that replays it."""
    lines = [f"seed {seed}: python -m tests.storms {seed}", *(f"  ! {one}" for one in violations[:8])]
    return "\n".join([*lines, *told(scene_of(seed))])
