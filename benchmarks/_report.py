"""docs/benchmarks.md from the kept results: what was measured, on what, and what was not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks._result import QUIET, RESULTS, ROOT, Record, Table, read_record

PAGE = ROOT / "docs" / "benchmarks.md"
WORDS = {True: "holds", False: "does not hold", None: "not decided"}
HEAD = f"""\
<!-- Written by `python -m benchmarks report` from benchmarks/results: run a benchmark again instead of editing. -->
# Benchmarks

What gonogo claims of itself, and what was measured. `make bench` runs everything in short form, `python -m benchmarks
NAME --full` one benchmark with its full number of runs. Ratios come from one run on one machine, side by side. No test
of the test suite depends on these times.

A time that misses its limit decides nothing where others used more than {QUIET:.0%} of the processors meanwhile; such a
section says so, and its times are upper bounds at best.
"""


def write() -> str:
    """Write the page; returns its path below the repository."""
    PAGE.write_text(page(records()))
    return str(PAGE.relative_to(ROOT))


def records(folder: Path = RESULTS) -> list[Record]:
    """What is kept; of each benchmark the full run where there is one, else the short one."""
    found = {}
    for path in sorted(folder.glob("*.json"), key=lambda one: one.stem.endswith("-short"), reverse=True):
        record = read_record(path)
        found[record.name] = record
    return [found[name] for name in sorted(found)]


def page(kept: Sequence[Record]) -> str:
    """The whole page."""
    rows = [
        [claim.text, claim.measured, WORDS[claim.holds], f"[{record.name}](#{record.name})"]
        for record in kept
        for claim in record.result.claims
    ]
    overview = Table(title="All claims", columns=("claim", "measured", "", "by"), rows=rows)
    return "\n".join([HEAD, _table(overview), "", *(section(record) for record in kept)])


def section(record: Record) -> str:
    """One benchmark."""
    size = "full" if record.full else "short"
    result = record.result
    parts = [
        f"## {record.name}",
        record.summary,
        f"Measured {record.date} at commit {record.commit} ({size} form, {record.seconds:.0f} s) on {record.machine}.",
        _load(record),
        "\n".join(f"- {claim.text}: **{WORDS[claim.holds]}** ({claim.measured})" for claim in result.claims),
        *(_table(table) for table in result.tables),
        *result.notes,
        _not_measured(result.not_measured),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _load(record: Record) -> str:
    text = f"Load average {record.load_before} before and {record.load_after} after; "
    text += f"others used {record.others_share:.0%} of the processors."
    return text if record.quiet else f"{text} **Times are upper bounds at best.**"


def _not_measured(sentences: Iterable[str]) -> str:
    listed = "\n".join(f"- {sentence}" for sentence in sentences)
    return f"Not measured:\n\n{listed}" if listed else ""


def _table(table: Table) -> str:
    lines = [table.columns, ["---"] * len(table.columns), *table.rows]
    body = "\n".join(f"| {' | '.join(_cell(one) for one in line)} |" for line in lines)
    return f"**{table.title}**\n\n{body}"


def _cell(value: Any) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")
