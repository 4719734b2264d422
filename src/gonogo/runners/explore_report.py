"""What an exploration says: one table, what each way takes in production, and which one to take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gonogo.core.observation import Observation, Table
from gonogo.core.quantity import format_bytes, format_seconds
from gonogo.drills import printable
from gonogo.drills.given import ways
from gonogo.drills.given.ways import Way
from gonogo.pg.building import Needs
from gonogo.runners.phases import PhaseClock

PHASES = {"Rows": (ways.DATA, ways.COPY), "Keys": (ways.KEYS,), "Index": (ways.INDEX,)}
PHASES_OF_FILES = {"Copy": (ways.COPY,), "Recovery": (ways.RECOVERY, "WAL replay", "start")}
WITHIN = 0.95  # a way that is less than a twentieth faster is not faster: that much is noise
TIMES = (1, 10)  # of the rows that there are: for what a projection is printed
LONGEST_FAILURE = 300


@dataclass(slots=True, kw_only=True)
class Measured:
    """One way as it was measured. Seconds from the start of its server; None: never reached."""

    way: Way
    clock: PhaseClock
    answered_seconds: float | None = None
    full_seconds: float | None = None
    failure: str = ""
    differs: bool = False

    @property
    def good(self) -> bool:
        """Whether it may be advised at all."""
        return self.full_seconds is not None and not self.differs


def table(measured: Sequence[Measured], needs: Sequence[Needs], notes: Sequence[str], *, physical: bool) -> Table:
    """All ways, the first one being what the others are compared with."""
    columns = PHASES_OF_FILES if physical else PHASES
    first = measured[0].full_seconds
    return Table(
        title="Ways to restore this backup",
        columns=("Way", *columns, "Rest", "Answers", "In full", "Ratio", "Safe"),
        rows=tuple(_row(one, columns, first) for one in measured),
        remarks=(
            *(_remark(one) for one in measured),
            *(sentence for one in needs for sentence in _needed(one)),
            *map(printable, notes),
        ),
        note=advice(measured),
    )


def _row(one: Measured, columns: dict[str, tuple[str, ...]], first: float | None) -> tuple[str, ...]:
    if one.full_seconds is None:
        return (one.way.name, *("-" for _ in columns), "-", "-", "failed", "-", "-")
    parts = [sum(one.clock.seconds_of(phase) for phase in phases) for phases in columns.values()]
    rest = one.full_seconds - sum(parts)
    ratio = f"{one.full_seconds / first:.2f}" if first else "-"
    answered = _seconds(one.answered_seconds) if one.answered_seconds is not None else "-"
    safe = "differs" if one.differs else "yes" if one.way.safe else "no"
    return (one.way.name, *map(_seconds, parts), _seconds(rest), answered, _seconds(one.full_seconds), ratio, safe)


def _seconds(seconds: float) -> str:
    """One unit for a column.

    >>> _seconds(0.0312), _seconds(63.42)
    ('0.03 s', '63.42 s')
    """
    return f"{seconds:.2f} s"


def _remark(one: Measured) -> str:
    if one.failure:
        return f"{one.way.name}: {printable(one.failure)[:LONGEST_FAILURE]}"
    return f"{one.way.name}: {one.way.production}"


def advice(measured: Sequence[Measured]) -> str:
    """Which way to take with this backup, and what another backup would bring."""
    first = measured[0].full_seconds
    good = [one for one in measured if one.good]
    safe = [one for one in good if one.way.safe and not one.way.other_backup]
    if not safe:
        return "No safe way was measured to its end."
    best = min(safe, key=_full)
    if first is not None and best is not measured[0] and _full(best) > WITHIN * first:
        best = measured[0]
    best = next((one for one in safe if WITHIN * _full(one) <= _full(best)), best)  # the simplest of equals
    parts = [f"The fastest safe way with this backup is {best.way.name!r}: {_compared(best, first)}."]
    if best is measured[0]:
        parts = [f"No safe way is faster with this backup than {best.way.name!r}: {format_seconds(_full(best))}."]
    soonest = min(safe, key=lambda one: one.answered_seconds or _full(one))
    if (soonest.answered_seconds or _full(soonest)) < WITHIN * (best.answered_seconds or _full(best)):
        share = f" ({soonest.answered_seconds / first:.2f})" if first and soonest.answered_seconds else ""
        when = format_seconds(soonest.answered_seconds or 0)
        parts.append(f"{soonest.way.name!r} answers correctly after {when}{share}, slowly until the index is there.")
    others = [one for one in good if one.way.other_backup and _full(one) < WITHIN * _full(best)]
    if others:
        other = min(others, key=_full)
        parts.append(f"Another backup is faster still: {other.way.name!r}, {_compared(other, first)}.")
    unsafe = [one for one in good if not one.way.safe and not one.way.other_backup]
    if unsafe and all(_full(one) > WITHIN * _full(best) for one in unsafe):
        parts.append("Doing without fsync brings nothing that could be measured.")
    return " ".join(parts)


def _full(one: Measured) -> float:
    assert one.full_seconds is not None
    return one.full_seconds


def _compared(one: Measured, first: float | None) -> str:
    """Its time, beside that of the first way."""
    text = format_seconds(_full(one))
    if first is None:
        return f"{text} (the first way did not come to its end)"
    return f"{text} instead of {format_seconds(first)} ({_full(one) / first:.2f})"


def _needed(needs: Needs) -> Iterator[str]:
    """What the build of an index takes: counted, measured, projected."""
    rows = needs.index.rows
    for number in TIMES:
        parts = []
        if (memory := needs.memory_bytes(rows * number)) is not None:
            parts.append(f"maintenance_work_mem of {format_bytes(memory)} (± {max(needs.spread / 2, 0.01):.0%})")
        if (projection := needs.time(rows * number)) is not None:
            parts.append(
                f"{format_seconds(projection.seconds)} here ({format_seconds(projection.low)} to "
                f"{format_seconds(projection.high)}; projected from {len(needs.builds)} builds of up to "
                f"{needs.builds[-1][0]} rows)"
            )
        if parts:
            yield f"{needs.index.name} of {rows * number} rows is built in memory with {', '.join(parts)}"


def observations(measured: Sequence[Measured], needs: Sequence[Needs]) -> Iterator[Observation]:
    """The numbers behind the table."""
    first = measured[0].full_seconds if measured else None
    for one in measured:
        name, seconds = one.way.name, one.full_seconds
        yield Observation(
            name="way_seconds", subject=name, value=seconds, unit="s", n=1, load_sensitive=True,
            detail=printable(one.failure) or one.way.production,
        )  # fmt: skip
        if seconds is None:
            continue
        answered = one.answered_seconds
        yield Observation(name="way_answers_seconds", subject=name, value=answered, unit="s", n=1, load_sensitive=True)
        if first:
            yield Observation(name="way_ratio", subject=name, value=seconds / first, unit="1", n=1)
        for phase in one.clock.phases:
            yield Observation(
                name="phase_seconds", subject=f"{name}: {phase.name}", value=phase.seconds, unit="s", n=1,
                load_sensitive=True,
            )  # fmt: skip
    for need in needs:
        yield from _of_build(need)


def _of_build(need: Needs) -> Iterator[Observation]:
    where, rows = need.index.name, need.index.rows
    if (memory := need.memory_bytes(rows)) is not None:
        yield Observation(
            name="index_build_memory", subject=where, value=memory, unit="B", n=rows,
            detail="bytes a row as the server tells when a graph no longer fits, times the rows",
        )  # fmt: skip
    if (projection := need.time(rows)) is not None:
        yield Observation(
            name="index_build_projected", subject=where, value=projection.seconds, unit="s", n=len(need.builds),
            low=projection.low, high=projection.high,
            detail=", ".join(f"{count} rows {format_seconds(seconds)}" for count, seconds in need.builds),
        )  # fmt: skip
