"""`python -m tests.storms SEED [--to SEED] [--workers N]`: run seeds, and account for those that fail."""

import sys

from tests.seeds import Suite
from tests.storms.account import account, try_seed

SUITE = Suite("tests.storms", "Storm the modelled cluster by seed.", try_seed, account)

if __name__ == "__main__":
    sys.exit(SUITE.main(sys.argv[1:]))
