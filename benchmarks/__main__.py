"""`python -m benchmarks`: run all benchmarks in short form, or those named; `report` writes docs/benchmarks.md."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from pathlib import Path
from types import ModuleType

from benchmarks import _report
from benchmarks._result import Options, Record, commit, decided, load_average, machine, now
from gonogo.engine.cpu import CpuMeter, contention

HERE = Path(__file__).parent
REPORT = "report"


def main() -> int:
    """0: every claim holds; 1: one does not, or could not be measured."""
    names = sorted(path.stem for path in HERE.glob("[a-z]*.py"))
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__, epilog=_listed(names))
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(names)}, or {REPORT}")
    parser.add_argument("--full", action="store_true", help="the real numbers of runs (hours, on a quiet machine)")
    parser.add_argument("--runs", type=int, help="another number of runs")
    parser.add_argument("--keep", type=Path, help="go on with what a benchmark that was cut off left in this folder")
    given = parser.parse_args()
    if unknown := set(given.names) - {*names, REPORT}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    if given.names == [REPORT]:
        print(_report.write())
        return 0
    print(_listed(names), end="\n\n")
    options = Options(full=given.full, runs=given.runs, keep=given.keep)
    records = [run(name, options) for name in names if name in (given.names or names)]
    return 0 if all(claim.holds for record in records for claim in record.result.claims) else 1


def _listed(names: list[str]) -> str:
    return "\n".join(f"  {name:10} {summary_of(_module(name))}" for name in names)


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"benchmarks.{name}")


def summary_of(module: ModuleType) -> str:
    """The first line of its docstring."""
    return (module.__doc__ or "").splitlines()[0]


def run(name: str, options: Options) -> Record:
    """Run one, print it, keep it."""
    module, before, began, date, source = _module(name), load_average(), time.monotonic(), now(), commit()
    print(f"{name}: {machine()}; load average {before}", flush=True)
    with CpuMeter(tuple, time.monotonic) as meter:  # our own tree is what is below this process
        first = meter.sample()
        result = module.measure(options)
        others = contention(first, meter.sample()) or 0.0
    record = Record(
        name=name,
        summary=summary_of(module),
        full=options.full,
        runs=options.runs,
        date=date,
        commit=source,
        load_before=before,
        load_after=load_average(),
        others_share=others,
        seconds=round(time.monotonic() - began, 1),
        machine=machine(),
        result=decided(result, others),
    )
    print(_report.section(record), flush=True)
    print(f"kept in {record.write().relative_to(HERE.parent)}", end="\n\n", flush=True)
    return record


if __name__ == "__main__":
    sys.exit(main())
