from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import resource, sys
import numpy as np
from ingest.memory import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(50):
        arrays = [np.ones(200_000) for _ in range(20)]
        del arrays
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

if sys.argv[1] == "keep":
    assert keep_freed_memory()
faults()
print(faults())
"""


def count_faults(word: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, word], capture_output=True, text=True, check=True, timeout=60
    )
    return int(done.stdout)


def test_memory_is_not_given_back_between_batches():
    assert count_faults("keep") < 2_000
    assert count_faults("give back") > 20_000
