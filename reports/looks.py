"""Looking at an experiment more than once, without claiming more than was seen.

Replications are added until the verdicts are decided: at `min`, twice that, and so on up to `max`. The error
probability is divided over the planned looks (Bonferroni). An attainment of 95 % cannot be shown with few
replications, however good they are; looks at which no sample could pass spend nothing of the error of
passing.
"""

import math


def planned_looks(minimum: int, maximum: int) -> tuple[int, ...]:
    """Return the numbers of replications at which the experiment is looked at: 10, 20, 40, 80."""
    looks = []
    n = max(minimum, 1)
    while n < maximum:
        looks.append(n)
        n *= 2
    return (*looks, max(maximum, minimum, 1))


def next_look(looks: tuple[int, ...], n: int) -> int | None:
    """Return the look after `n` replications; None at the end of the plan."""
    return next((look for look in looks if look > n), None)


def passing_looks(looks: tuple[int, ...], attainment: float, alpha: float) -> tuple[int, ...]:
    """Return the looks at which a perfect sample shows the attainment, the error divided over just these."""
    for count in range(len(looks), 0, -1):
        chosen = looks[-count:]
        if all((alpha / count) ** (1 / n) >= attainment for n in chosen):
            return chosen
    return ()


def replications_needed(attainment: float, alpha: float) -> int | None:
    """Return how many replications, all within, show the attainment at a single look."""
    return math.ceil(math.log(alpha) / math.log(attainment)) if attainment < 1 else None
