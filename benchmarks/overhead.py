"""What gonogo costs beyond the steps themselves: against the same steps by hand, and by its own account."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks._gonogo import gonogo, run_json
from benchmarks._result import ROOT, Claim, Options, Result, Table
from gonogo.core.event import ItemFinished, StackStarted, StackStopped
from gonogo.rundir.directory import read_events
from gonogo.stacks.local.account import Account, unprivileged
from gonogo.stacks.local.binaries import find_binaries
from gonogo.stacks.local.cache import CACHE
from gonogo.stacks.local.ports import Ports

LIMIT = 0.10
STEPS = {
    "load": "loadtests/search_steady",
    "drill": "restore_drills/pg_dump_custom",
    "failover": "chaos/failover",
}
LOAD_SECONDS = 23  # of search_steady in the suite ci: 3 s warm-up and 20 s
RATE = 30
BY_HAND_SECONDS = 600.0
CORPUS = ROOT / "examples/reference_rag/corpus/questions.jsonl"
PORTS = ("PRIMARY_PORT", "STANDBY_PORT", "RESTORED_PORT", "APP_PORT", "APP2_PORT")

COMPARED = """\
By hand is benchmarks/by_hand.sh: psql, pg_dump, pg_restore, pg_basebackup, curl and Locust on the same kind of stack
from the same template, for the same times of load and of waiting. It too compares every row, computes exact
neighbours, reads every page and counts acknowledged writes, before and after the disaster. Only gonogo also compares
definitions, checks isolation and plans and writes reports: that counts against it. gonogo restores the vector index
with as much memory as it needs and one worker per further processor, pg_restore by hand with the server's defaults. By
hand there is neither Redis nor a model's stub."""


def measure(options: Options) -> Result:
    """Pairs, each begun by the other one: what changes on the machine, and what one leaves for the next, meets both."""
    pairs = options.count(small=2, full=6)
    with tempfile.TemporaryDirectory(prefix="gonogo-bench-") as folder:
        gates, hands = [], []
        cache = Path(folder) / "cache"  # of our own: then the one seeded template in it is this stack's
        _gate(Path(folder) / "warm", cache)  # builds the templates: not what is measured
        for number in range(pairs):
            if number % 2:
                hands.append(_by_hand(cache))
            gates.append(_gate(Path(folder) / str(number), cache))
            if not number % 2:
                hands.append(_by_hand(cache))
    ratio = median(one.seconds for one in gates) / median(one.seconds for one in hands)
    own = max(one.own_share for one in gates)
    return Result(
        claims=[
            Claim(
                text="A gate of load, restore drill and failover takes at most 10 % longer than the steps by hand",
                measured=f"{(ratio - 1) * 100:+.1f} %, medians of {pairs} alternating pairs",
                holds=ratio <= 1 + LIMIT,
                of_time=True,
            ),
            Claim(
                text="What is neither the stack's start or stop nor an item is less than 10 % of a gate's time",
                measured=f"{own * 100:.1f} % at most",
                holds=own < LIMIT,
                of_time=True,
            ),
        ],
        tables=[_steps(gates, hands)],
        notes=[COMPARED],
        not_measured=["The 60 and more checks of a gate have nothing by hand to be compared with."],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """One way through all steps, in seconds."""

    seconds: float
    steps: Mapping[str, float]
    own_share: float = 0.0


def _steps(gates: list[Timed], hands: list[Timed]) -> Table:
    def middle(runs: list[Timed], step: str) -> float:
        return round(median(one.steps[step] for one in runs), 2)

    rows: list[list[Any]] = [[step, middle(gates, step), middle(hands, step)] for step in ("start", *STEPS, "stop")]
    rows.append(["everything", *(round(median(one.seconds for one in runs), 2) for runs in (gates, hands))])
    rows += [[f"pair {number}", round(gate.seconds, 2), round(hand.seconds, 2)] for number, (gate, hand) in
             enumerate(zip(gates, hands, strict=True), 1)]  # fmt: skip
    return Table(title="Medians of the steps", columns=("step", "gonogo s", "by hand s"), rows=rows)


def _gate(out: Path, cache: Path) -> Timed:
    only = [word for item in STEPS.values() for word in ("--only", item)]
    ended = gonogo("gate", *only, "--runtime", "embedded", "--quiet", "--out", out, environment={CACHE: str(cache)})
    record = run_json(out)
    outcomes = {one["id"]: one["outcome"] for one in record["findings"] if one["outcome"] != "SKIPPED"}
    assert ended.code in {0, 3}, ended.err  # HOLD: a busy host may leave something UNKNOWN
    assert set(outcomes) == set(STEPS.values())
    own = ended.seconds - record["wall_s"] + record["overhead_s"]  # Python's start, plan, judgement, reports too
    return Timed(seconds=ended.seconds, steps=dict(_events(out)), own_share=own / ended.seconds)


def _events(out: Path) -> Iterator[tuple[str, float]]:
    names = {identifier: step for step, identifier in STEPS.items()}
    for logged in read_events(out):
        match logged.event:
            case StackStarted(seconds=seconds):
                yield "start", seconds
            case StackStopped(seconds=seconds):
                yield "stop", seconds
            case ItemFinished(id=identifier, seconds=seconds):
                yield names[identifier], seconds


def _by_hand(cache: Path) -> Timed:
    began = time.monotonic()
    with _environment(cache) as environment:
        script = subprocess.Popen(
            [ROOT / "benchmarks/by_hand.sh"], env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        try:
            out, err = script.communicate(timeout=BY_HAND_SECONDS)
        finally:
            if script.poll() is None:
                script.terminate()  # its trap ends what it started
                script.wait()
    assert script.returncode == 0, err
    steps = {name: float(seconds) for name, seconds in (line.split() for line in out.splitlines())}
    return Timed(seconds=time.monotonic() - began, steps=steps)


@contextmanager
def _environment(cache: Path) -> Iterator[dict[str, str]]:
    """What by_hand.sh is given; its folder is gone afterwards."""
    account = unprivileged()
    question = json.loads(CORPUS.read_text().splitlines()[0])
    ports = Ports()
    with tempfile.TemporaryDirectory(prefix="gonogo-bench-") as work:
        account.own(Path(work))
        yield {
            **os.environ,
            **{name: str(ports.take()) for name in PORTS},
            "BIN": str(find_binaries(None, account).bindir),
            "TEMPLATE": str(_template(cache)),
            "WORK": work,
            "RUN_AS": _run_as(account),
            "PYTHON": sys.executable,
            "EXAMPLES": str(ROOT / "examples"),
            "LOCUSTFILE": str(ROOT / "benchmarks/_locustfile.py"),
            "QUESTIONS": str(CORPUS),
            "QUERY": json.dumps({"query": question["question"], "k": 10}),
            "DOCUMENT": question["document"],
            "LOAD_SECONDS": str(LOAD_SECONDS),
            "RATE": str(RATE),
        }


def _run_as(account: Account) -> str:
    words = ["setpriv", f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups", "--"]
    return shlex.join(words) if account.dropped else ""


def _template(cache: Path) -> Path:
    """The seeded data directory that gonogo's own stack was copied from."""
    (seeded,) = (cache / "templates").glob("*/db/data")
    return seeded
