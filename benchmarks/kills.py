"""kill -9 of a gate at random moments: after `gonogo heal` and `gonogo clean` nothing is left and nothing lost."""

from __future__ import annotations

import random
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from benchmarks._killing import LOOKED, Kill, kill, table
from benchmarks._result import Claim, Options, Result

SEED = 20_261_124
FIRST_SECONDS, LAST_SECONDS = 0.2, 80.0  # a whole gate takes about this long; one that has ended is not counted
TRIES = 3  # runs at most for one that is killed before it ended
SIDE_BY_SIDE = 2  # gates at a time: the living neighbour of each other
GATE = ("gate", "--runtime", "embedded", "--quiet")


def measure(options: Options) -> Result:
    """Runs, each killed once, with state and scratch folders of their own: other runs of this user do not count."""
    runs = options.count(small=3, full=30)
    kills: list[Kill] = []
    with (
        tempfile.TemporaryDirectory(prefix="gonogo-bench-") as folder,
        ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="kill") as pool,
    ):
        Path(folder).chmod(0o711)  # PostgreSQL's user must get through
        for one in pool.map(partial(_one, Path(folder)), range(runs)):
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
        notes=[f"Moments are uniform over a gate's length (seed {SEED}), two gates at a time.\n{LOOKED}"],
    )


def _one(folder: Path, number: int) -> Kill:
    """The kill of this number, at moments of its own: another one where the gate had ended before."""
    moments = random.Random(SEED + number)
    for again in range(TRIES):
        if one := kill(folder / f"{number}-{again}", moments.uniform(FIRST_SECONDS, LAST_SECONDS), GATE):
            return one
    raise RuntimeError(f"run {number} ended {TRIES} times before it could be killed")
