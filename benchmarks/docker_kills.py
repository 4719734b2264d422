"""kill -9 of `gonogo up` and of gates on Docker at random moments: nothing is left in the engine or on the host."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from benchmarks._docker import anonymous_volumes, remove_templates, templates
from benchmarks._killing import LOOKED, Kill, kill, table
from benchmarks._result import Claim, Options, Result
from gonogo.stacks.local.cache import CACHE

SEED = 20_261_125
TRIES = 3  # runs at most for one that is killed before it ended
UP = ("up", "--runtime", "docker")
GATE = ("gate", "--runtime", "docker", "--quiet")
FIRST_SECONDS = 0.2
UP_SECONDS, GATE_SECONDS, BUILD_SECONDS = 15.0, 100.0, 40.0  # the last moments of each
EVERY_GATE, EVERY_BUILD = 5, 7  # each such kill is of a gate; of a start that has no template yet

ALSO = f"""\
Moments are uniform over the start and the first seconds of `gonogo up`; every {EVERY_GATE}th kill is of a gate, every
{EVERY_BUILD}th of a start with an empty cache, which builds the template (seed {SEED}). Volumes without a name, which
images ask for, and volumes of templates that nobody finished count as left, too."""


def measure(options: Options) -> Result:
    """Runs, each killed once."""
    runs = options.count(small=4, full=100)
    moments = random.Random(SEED)
    kills: list[Kill] = []
    with tempfile.TemporaryDirectory(prefix="gonogo-bench-") as folder:
        for number in range(TRIES * runs):
            if len(kills) == runs:
                break
            arguments, last, building = _kind(len(kills) + 1)
            one = killed(Path(folder) / str(number), moments.uniform(FIRST_SECONDS, last), arguments, building=building)
            if one is not None:
                kills.append(one)
                print(f"  {len(kills)}/{runs}: {one.sentence}", flush=True)
    clean = sum(one.clean for one in kills)
    readable = sum(one.readable for one in kills)
    return Result(
        claims=[
            Claim(
                text="After kill -9, heal, clean: nothing of the run is left in Docker or on the host",
                measured=f"{clean} of {len(kills)}",
                holds=clean == len(kills) == runs,
            ),
            Claim(
                text="The run directory of every killed gate is readable by `gonogo judge`, and is never GO",
                measured=f"{readable} of {len(kills)}",
                holds=readable == len(kills) == runs,
            ),
        ],
        tables=[table(kills)],
        notes=[LOOKED, ALSO, f"`gonogo clean` took {median(one.clean_seconds for one in kills):.1f} s in the median."],
        not_measured=["What the watchdog removes where nobody calls `gonogo clean`: tests/docker/test_cleanup.py."],
    )


def _kind(number: int) -> tuple[Sequence[str], float, bool]:
    """What is killed: its arguments, its last moment, whether it has no template yet."""
    if number % EVERY_BUILD == 0:
        return UP, BUILD_SECONDS, True
    return (GATE, GATE_SECONDS, False) if number % EVERY_GATE == 0 else (UP, UP_SECONDS, False)


def killed(ours: Path, after: float, arguments: Sequence[str], *, building: bool = False) -> Kill | None:
    """One kill on Docker; with `building` the cache is empty, and removed at the end."""
    environment: Mapping[str, str] = {CACHE: str(ours / "cache")} if building else {}
    before = anonymous_volumes()
    one = kill(ours, after, arguments, environment)
    unfinished = (
        [f"template {name}" for name, finished in templates(ours / "cache") if not finished] if building else []
    )
    if building:
        remove_templates(ours / "cache")
    if one is None:
        return None
    nameless = [f"volume {name}" for name in sorted(anonymous_volumes() - before)]
    return replace(one, left=[*one.left, *unfinished, *nameless])
