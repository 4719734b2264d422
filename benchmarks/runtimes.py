"""One stack file, two runtimes: the same findings, apart from what a capability rules out."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks._findings import NOT_APPLICABLE, UNSUPPORTED, Difference, Why, counts, differences, held_by_others
from benchmarks._gonogo import gonogo, run_json
from benchmarks._result import ROOT, Claim, Options, Result, Table

FIRST = "reference"  # the stack of the short form
RUNTIMES = ("docker", "embedded")
SUITE = "ci"
COUNTED = ("PASS", "FAIL", "UNKNOWN", UNSUPPORTED, NOT_APPLICABLE)
GO = "GO"

COMPARED = """\
Compared is every verification of the suite by its outcome, what was skipped by why, and, of two with the same outcome,
each expectation. Values may differ: the runtimes bring different versions of PostgreSQL, pgvector and Python."""

KEPT = """\
Gates are kept, and those that were there before are not run again: the seconds and the load above are of the others.
What others used of the machine while each ran is in its row, the worst of its items."""


def measure(options: Options) -> Result:
    """A gate of every stack file on each runtime, with the policy and the suite of its name where there are any.

    `options.runs` is the number of stacks. With `keep`, gates that are there are not run again; with 0, none is run.
    """
    names = sorted((path.stem for path in (ROOT / "config/stacks").glob("*.yaml")), key=lambda one: (one != FIRST, one))
    with tempfile.TemporaryDirectory(prefix="gonogo-bench-") as temporary:
        folder = options.keep or Path(temporary)
        count = options.count(small=1, full=len(names)) or len(names)
        stacks = [Compared(name, _gates(folder, name, run=options.runs != 0)) for name in names[:count]]
    return Result(
        claims=[_same(stacks), _go(stacks)],
        tables=[_runs(stacks), _differing(stacks)],
        notes=[COMPARED, _commits(stacks), *([KEPT] if options.keep else [])],
        not_measured=[f"{one.name} on {runtime}" for one in stacks for runtime in RUNTIMES if runtime not in one.runs],
    )


@dataclass(frozen=True, slots=True)
class Compared:
    """One stack's runs by runtime."""

    name: str
    runs: Mapping[str, Mapping[str, Any]]

    @property
    def differing(self) -> list[Difference]:
        """What is not the same on both."""
        return differences(*(self.runs[one] for one in RUNTIMES)) if self.complete else []

    @property
    def complete(self) -> bool:
        """Whether there is something to compare."""
        return len(self.runs) == len(RUNTIMES)


def _gates(folder: Path, name: str, *, run: bool) -> dict[str, dict[str, Any]]:
    outs = {runtime: folder / f"{name}-{runtime}" for runtime in RUNTIMES}
    return {runtime: _gate(out, name, runtime) for runtime, out in outs.items() if run or (out / "run.json").exists()}


def _gate(out: Path, name: str, runtime: str) -> dict[str, Any]:
    if not (out / "run.json").exists():
        shutil.rmtree(out, ignore_errors=True)
        suite = name if (ROOT / f"config/suites/{name}.yaml").exists() else SUITE
        policy = ("--policy", name) if (ROOT / f"config/policies/{name}.yaml").exists() else ()
        gonogo("gate", "--stack", name, "--suite", suite, *policy, "--runtime", runtime, "--quiet", "--out", out)
    record = run_json(out)
    assert record, f"{out} holds no run"
    print(f"  {name} on {runtime}: {record['verdict']} in {record['wall_s']:.0f} s", flush=True)
    return record


def _same(stacks: Sequence[Compared]) -> Claim:
    compared = [one for one in stacks if one.complete]
    all_of_them = sum(len(one.runs[RUNTIMES[0]]["findings"]) for one in compared)
    found = [difference for one in stacks for difference in one.differing]
    by_reason = {why: sum(one.why is why for one in found) for why in Why}
    unexplained = by_reason[Why.NOTHING]
    return Claim(
        text="A stack file gives the same findings on docker as on embedded, apart from what a capability rules out",
        measured=f"{all_of_them} findings of {len(compared)} stacks; "
        + (", ".join(f"{count} differ by {why}" for why, count in by_reason.items() if count) or "none differs"),
        holds=False if unexplained else (None if by_reason[Why.CONTENTION] else True),
    )


def _go(stacks: Sequence[Compared]) -> Claim:
    records = [record for one in stacks for record in one.runs.values()]
    went = sum(record["verdict"] == GO for record in records)
    held = sum(map(held_by_others, records))
    others = f"; {held} HOLD for nothing but a machine that others kept busy" if held else ""
    return Claim(
        text="Every stack file that comes with gonogo is GO on both runtimes",
        measured=f"{went} of {len(records)} gates{others}",
        holds=True if went == len(records) else (None if went + held == len(records) else False),
    )


def _runs(stacks: Sequence[Compared]) -> Table:
    rows = [list(_row(one.name, runtime, record)) for one in stacks for runtime, record in one.runs.items()]
    columns = ("stack", "runtime", "PostgreSQL", "suite", "policy", "verdict", *COUNTED, "wall s", "contention")
    return Table(title="Every gate", columns=columns, rows=rows)


def _row(name: str, runtime: str, record: Mapping[str, Any]) -> Iterator[Any]:
    yield from (name, runtime, record["stack"]["versions"].get("postgresql", "").partition(" ")[0])
    yield from (record["suite"], record["policy"], record["verdict"])
    found = counts(record)
    yield from (found.get(word, 0) for word in COUNTED)
    yield from (round(record["wall_s"]), f"{record['contention'] or 0:.0%}")


def _differing(stacks: Sequence[Compared]) -> Table:
    rows = [
        [stack.name, one.id, one.left, one.right, one.why, one.reason] for stack in stacks for one in stack.differing
    ]
    columns = ("stack", "verification", *RUNTIMES, "explained by", "in its own words")
    return Table(title="Every difference", columns=columns, rows=rows or [["none", *[""] * 5]])


def _commits(stacks: Sequence[Compared]) -> str:
    """When each gate ran and of which state of the project it was: kept ones may be older than the record."""
    lines: dict[str, list[str]] = {}
    for one in stacks:
        for runtime, record in one.runs.items():
            key = f"{record['started_at'][:10]} at commit {record['commit'] or 'unknown'}"
            lines.setdefault(key, []).append(f"{one.name} on {runtime}")
    return "Gates of " + "; of ".join(f"{key}: {', '.join(names)}" for key, names in sorted(lines.items())) + "."
