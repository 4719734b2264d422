"""kill -9 of a gate at random moments: after `gonogo heal` and `gonogo clean` nothing is left and nothing lost."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

from benchmarks._killing import LOOKED, Kill, kill, table
from benchmarks._result import Claim, Options, Result

SEED = 20_261_124
FIRST_SECONDS, LAST_SECONDS = 0.2, 80.0  # a whole gate takes about this long; one that has ended is not counted
TRIES = 3  # runs at most for one that is killed before it ended
GATE = ("gate", "--runtime", "embedded", "--quiet")


def measure(options: Options) -> Result:
    """Runs, each killed once, with state and scratch folders of their own: other runs of this user do not count."""
    runs = options.count(small=3, full=30)
    moments = random.Random(SEED)
    kills: list[Kill] = []
    with tempfile.TemporaryDirectory(prefix="gonogo-bench-") as folder:
        Path(folder).chmod(0o711)  # PostgreSQL's user must get through
        for number in range(TRIES * runs):
            if len(kills) == runs:
                break
            one = kill(Path(folder) / str(number), moments.uniform(FIRST_SECONDS, LAST_SECONDS), GATE)
            if one is not None:
                kills.append(one)
                print(f"  {len(kills)}/{runs}: {one.sentence}", flush=True)
    clean = sum(one.clean for one in kills)
    readable = sum(one.readable for one in kills)
    return Result(
        claims=[
            Claim(
                text="After kill -9, heal, clean: no process, container, mount, shared memory, port or folder is left",
                measured=f"{clean} of {len(kills)}",
                holds=clean == len(kills) == runs,
            ),
            Claim(
                text="The run directory of every killed run is readable by `gonogo judge`, and is never GO",
                measured=f"{readable} of {len(kills)}",
                holds=readable == len(kills) == runs,
            ),
        ],
        tables=[table(kills)],
        notes=[f"Moments are uniform over a gate's length (seed {SEED}).\n{LOOKED}"],
    )
