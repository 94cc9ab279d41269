"""How many seats a priority level was asked for: what its lending and borrowing are reckoned from."""

from math import sqrt


class Demand:
    """Mean, deviation and maximum of a number over time."""

    __slots__ = ("_at", "_began", "_max", "_square", "_sum")

    def __init__(self, now: int) -> None:
        """Begin at the present, with nothing."""
        self._at = self._began = now
        self._sum = self._square = self._max = 0

    def note(self, now: int, value: int) -> None:
        """Note that it was `value` since the last note."""
        elapsed = now - self._at
        self._at = now
        self._sum += elapsed * value
        self._square += elapsed * value * value
        self._max = max(self._max, value)

    def reset(self, now: int, value: int) -> tuple[float, float, int]:
        """Return the three, and begin anew."""
        elapsed = now - self._began
        mean = self._sum / elapsed if elapsed else float(value)
        variance = self._square / elapsed - mean * mean if elapsed else 0.0
        result = mean, sqrt(max(0.0, variance)), max(self._max, value)
        self._began = self._at = now
        self._sum = self._square = 0
        self._max = value
        return result
