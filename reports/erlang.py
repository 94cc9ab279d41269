"""Erlang's formulas for c servers, Poisson arrivals and exponential service: who waits, and how long.

(A. K. Erlang 1917; L. Kleinrock, Queueing Systems, volume 1, 1975, section 3.5.)
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Waiting:
    """M/M/c in its steady state. Build one with `waiting`."""

    servers: int
    rate: float  # arrivals a second
    service_s: float  # mean

    @property
    def offered(self) -> float:
        """The offered load in Erlang: how many servers are busy on average."""
        return self.rate * self.service_s

    @property
    def probability(self) -> float:
        """Erlang C: the share of arrivals that wait."""
        blocked = blocking(self.servers, self.offered)
        return blocked / (1 - self.offered / self.servers * (1 - blocked))

    @property
    def mean_wait_s(self) -> float:
        """The mean wait, those who do not wait included."""
        return self.probability * self.service_s / (self.servers - self.offered)

    @property
    def response_s(self) -> float:
        """The mean wait and service together."""
        return self.mean_wait_s + self.service_s

    def within(self, wait_s: float) -> float:
        """Return the share of arrivals that wait no longer than so many seconds."""
        return 1 - self.probability * math.exp(-(self.servers - self.offered) * wait_s / self.service_s)

    def wait_quantile_s(self, level: float) -> float:
        """Return the wait that a share `level` of arrivals does not exceed."""
        if not 0 <= level < 1:
            raise ValueError(f"level {level}: expected 0 or more, below 1")
        late = (1 - level) / self.probability if self.probability > 0 else math.inf
        return max(0.0, -math.log(late)) * self.service_s / (self.servers - self.offered)


def blocking(servers: int, offered: float) -> float:
    """Return Erlang B: the share of arrivals that find all servers busy where nobody may wait."""
    found = 1.0
    for count in range(1, servers + 1):
        found = offered * found / (count + offered * found)
    return found


def waiting(servers: int, rate: float, service_s: float) -> Waiting | None:
    """Return the steady state; None where there is none: more arrives than the servers can do.

    Raises:
        ValueError: no server, or a rate or a service time that is not above zero.
    """
    if servers < 1 or rate <= 0 or service_s <= 0:
        raise ValueError(f"servers {servers}, rate {rate}, service {service_s} s: expected all above zero")
    return Waiting(servers, rate, service_s) if rate * service_s < servers else None


def servers_needed(rate: float, service_s: float, wait_s: float, level: float) -> int:
    """Return the smallest number of servers with which a share `level` of arrivals waits `wait_s` at most."""
    if not 0 <= level < 1 or wait_s < 0:
        raise ValueError(f"level {level}, wait {wait_s} s: expected a level in [0, 1) and no negative wait")
    servers = max(1, math.floor(rate * service_s) + 1)
    while (state := waiting(servers, rate, service_s)) is None or state.within(wait_s) < level:
        servers += 1
    return servers
