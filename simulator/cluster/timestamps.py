"""The virtual clock as the API writes it."""

from datetime import datetime, timedelta

from simulator.agenda import Agenda

SECOND_NS = 1_000_000_000


class VirtualTimestamps:
    """Renders the virtual clock in the API's format, to the second."""

    def __init__(self, agenda: Agenda, epoch: str) -> None:
        """Read the time from `agenda`, whose time 0 is `epoch`."""
        self._agenda = agenda
        self._epoch = datetime.fromisoformat(epoch)
        self._minute = self._second = -1
        self._text = self._prefix = ""

    def __call__(self) -> str:
        """Return the present, such as ``2026-01-01T00:00:07Z``."""
        second = self._agenda.now // SECOND_NS
        if second != self._second:
            self._second = second
            minute, rest = divmod(second + self._epoch.second, 60)
            if minute != self._minute:
                self._minute = minute
                present = self._epoch.replace(second=0) + timedelta(minutes=minute)
                self._prefix = present.strftime("%Y-%m-%dT%H:%M:")
            self._text = f"{self._prefix}{rest:02d}Z"
        return self._text
