"""What has been done to each target, how it ended, whether it helped, and whether it goes in circles."""

from dataclasses import dataclass

MINUTE_NS = 60 * 1_000_000_000


@dataclass(frozen=True, slots=True)
class OscillationPolicy:
    """When a target counts as oscillating, and what is done about it.

    A target oscillates when it was scaled up and down in turn, with at least `reversals_max` changes of
    direction within `scaling_window_ns`, or when it was restarted at least `restarts_max` times within
    `restart_window_ns`. With `hold_back` an attempt that would go on with it fails at its start, before any
    effect, for the reason Oscillating; `retryable` says whether its step may try again later.
    """

    reversals_max: int = 3
    scaling_window_ns: int = 30 * MINUTE_NS
    restarts_max: int = 5
    restart_window_ns: int = 10 * MINUTE_NS
    hold_back: bool = False
    retryable: bool = False
    assessed_after_ns: int = 5 * MINUTE_NS  # an action helped if its target is healthy so long afterwards
    entries_max: int = 100  # kept of one target; the oldest go
    targets_max: int = 10_000  # kept at all; those that were not acted on for longest go

    def __post_init__(self) -> None:
        """Refuse a policy under which nothing would ever oscillate, or everything would."""
        for name in ("reversals_max", "restarts_max", "entries_max", "targets_max"):
            if getattr(self, name) < 1:
                raise ValueError(f"OscillationPolicy.{name} must be at least 1, found {getattr(self, name)}")
        for name in ("scaling_window_ns", "restart_window_ns"):
            if getattr(self, name) <= 0:
                raise ValueError(f"OscillationPolicy.{name} must be positive, found {getattr(self, name)}")
        if self.assessed_after_ns < 0:
            raise ValueError(
                f"OscillationPolicy.assessed_after_ns must not be negative, found {self.assessed_after_ns}"
            )
        if self.entries_max <= max(self.reversals_max, self.restarts_max):
            raise ValueError(
                f"OscillationPolicy.entries_max ({self.entries_max}) must be more than reversals_max and "
                "restarts_max, or no oscillation could be seen"
            )
