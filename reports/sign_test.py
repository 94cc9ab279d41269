"""The exact sign test: of what differs, is one direction more frequent than chance would have it?"""

import math


def sign_test(ahead: int, behind: int) -> float:
    """Return the two-sided probability of so uneven a split if both directions were equally likely."""
    n = ahead + behind
    if n == 0:
        return 1.0
    tail: int = sum(math.comb(n, k) for k in range(min(ahead, behind) + 1))
    return min(1.0, tail / float(2 ** (n - 1)))
