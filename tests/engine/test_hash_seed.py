"""The same run in processes of different hash seeds gives the same bytes."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = """
import hashlib
from tests.oracles.heap_agenda import HeapAgenda
from tests.oracles.world import run
digest = hashlib.sha256()
for seed in range(40):
    world = run(HeapAgenda(), seed, tying=seed % 2 == 0)
    digest.update(world.history.encode())
    digest.update(repr(world.rows).encode())
print(digest.hexdigest())
"""


def digest_under(hash_seed: int) -> str:
    environment = os.environ | {"PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout


def test_hash_order_decides_nothing() -> None:
    assert digest_under(0) == digest_under(1) != ""
