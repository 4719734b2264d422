"""Exact distances are computed while other threads start children."""

import subprocess
import sys

SECONDS = 60

PROGRAM = """
import os, threading
from gonogo.pg.vectors import distances
import numpy as np

def fork_on():
    while not done.is_set():
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)

done = threading.Event()
forker = threading.Thread(target=fork_on)
forker.start()
queries, stored = np.ones((80, 384)), np.ones((10_000, 384), dtype=np.float32)
computed = [distances(queries, stored, "<#>")[0, 0] for _ in range(10)]
done.set()
forker.join()
print(computed[-1])
"""


def test_a_product_of_matrices_survives_forks_in_other_threads() -> None:
    # With OpenBLAS' own worker threads the first product or the second waits for ever.
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=True)
    assert done.stdout.strip() == "-384.0"
