"""`python -m tests.fuzz SEED [--to SEED] [--workers N]`: run seeds, and account for those that fail."""

import sys

from tests.fuzz.account import account, try_seed
from tests.seeds import Suite

SUITE = Suite("tests.fuzz", "Fuzz whole simulations by seed.", try_seed, account)

if __name__ == "__main__":
    sys.exit(SUITE.main(sys.argv[1:]))
