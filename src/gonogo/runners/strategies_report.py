"""What a comparison of strategies says: one table, and a sentence that says what was measured and nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gonogo.core.observation import Observation, Table
from gonogo.core.quantity import format_bytes, format_seconds
from gonogo.drills import printable

if TYPE_CHECKING:
    from gonogo.runners.drill import Drill

TITLE = "Strategies after the same disaster"
COLUMNS = (
    "Strategy",
    "Back as it was",
    "Rows lost",
    "RPO",
    "Holes",
    "Answers",
    "RTO",
    "Of slowest",
    "Backup",
    "Made in",
)
WITHIN = 0.95  # one that is less than a twentieth sooner is not sooner: that much is noise
LONGEST = 300
SHORTEST_PHASE = 0.0005


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A strategy that was not tried, and why."""

    name: str
    reason: str
    possible: bool = False  # the stack could do it, and nobody asked for it

    @property
    def state(self) -> str:
        """In the table."""
        return "left out" if self.possible else "not here"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One strategy as it was measured. Seconds since its restore began; None: never reached, or not known."""

    name: str
    identifier: str
    trouble: str = ""  # why nothing was measured
    failure: str = ""  # why it did not come back
    wrong: tuple[str, ...] = ()  # what came back and is not as it was
    acknowledged: int | None = None
    lost: int | None = None
    rpo_seconds: float | None = None
    holes: int | None = None
    age_seconds: float | None = None  # of the backup at the disaster; None: it follows until then
    degraded_seconds: float | None = None
    full_seconds: float | None = None
    phases: tuple[tuple[str, float], ...] = ()
    size_bytes: int | None = None
    made_seconds: float | None = None
    exposed_seconds: float | None = None
    to_the_end: bool = False

    @property
    def back(self) -> bool:
        """Whether it serves again, everything in it being right but for what was written since the backup."""
        return not (self.trouble or self.failure or self.wrong) and self.full_seconds is not None


def compared(drill: Drill, identifier: str, name: str, observations: Sequence[Observation]) -> Compared:
    """A finished drill, by what it observed."""
    found = {one.name: one for one in observations if not one.subject}
    artefact, clock = drill.artefact, drill.clock
    lost = found.get("acknowledged_rows_lost")
    follows = artefact is None or artefact.behind_seconds is not None or bool(artefact.receiver)
    return Compared(
        name=name,
        identifier=identifier,
        failure=_failure(drill, found),
        wrong=tuple(_wrong(found)),
        acknowledged=lost.n if lost else None,
        lost=_whole(lost),
        rpo_seconds=_number(found.get("rpo")),
        holes=_whole(found.get("holes")),
        age_seconds=None if follows or artefact is None else drill.disaster_at - artefact.covers_until,
        degraded_seconds=_number(found.get("rto_degraded")),
        full_seconds=_number(found.get("rto")),
        phases=tuple((phase.name, phase.seconds) for phase in clock.phases) if clock and drill.served.again else (),
        size_bytes=artefact.size_bytes if artefact else None,
        made_seconds=artefact.seconds if artefact else None,
        exposed_seconds=_number(found.get("exposed_rpo")),
    )


def _failure(drill: Drill, found: dict[str, Observation]) -> str:
    restored, again = found.get("restored"), found.get("serves_again")
    if restored is not None and restored.value is False:
        return restored.detail or "it was not restored"
    if again is None or again.value is not True:
        return f"the application does not serve again: {drill.served.trouble or 'nobody saw it'}"
    return "" if found["rto"].value is not None else found["rto"].detail


def _wrong(found: dict[str, Observation]) -> Iterator[str]:
    """What is not as it was. That something could not be compared is told as well: it is not right either."""
    for name, words in (
        ("fingerprints_differ", "things differ"),
        ("holes", "holes"),
        ("rows_missing_from_backup", "rows missing that it was to have"),
        ("isolation_leaks", "rows of others can be read"),
    ):
        one = found.get(name)
        if one is None or one.not_applicable:
            continue
        if one.value is None:
            yield f"{words}: not known ({one.detail})"
        elif one.value:
            yield f"{one.value} {words}"


def _number(one: Observation | None) -> float | None:
    return float(one.value) if one is not None and isinstance(one.value, int | float) else None


def _whole(one: Observation | None) -> int | None:
    return int(one.value) if one is not None and isinstance(one.value, int) else None


def table(strategies: Sequence[Compared], left_out: Sequence[LeftOut] = ()) -> Table:
    """All of them, the slowest that came back being what the others are compared with."""
    slowest = max((_full(one) for one in strategies if one.back), default=None)
    return Table(
        title=TITLE,
        columns=COLUMNS,
        rows=(*(_row(one, slowest) for one in strategies), *((one.name, one.state, *NOTHING) for one in left_out)),
        remarks=(
            *(remark for one in strategies for remark in _remarks(one)),
            *(f"{one.name}: {printable(one.reason)[:LONGEST]}" for one in left_out),
        ),
        note=advice(strategies),
    )


NOTHING = ("-",) * (len(COLUMNS) - 2)


def _row(one: Compared, slowest: float | None) -> tuple[str, ...]:
    if one.trouble:
        return (one.name, "not measured", *NOTHING)
    state = "failed" if one.failure else "differs" if one.wrong else "yes"
    full = one.full_seconds
    return (
        one.name,
        state,
        "-" if one.lost is None else f"{one.lost} of {one.acknowledged}",
        _seconds(one.rpo_seconds),
        "-" if one.holes is None else str(one.holes),
        _seconds(one.degraded_seconds),
        _seconds(full),
        f"{full / slowest:.2f}" if full is not None and slowest and one.back else "-",
        "-" if one.size_bytes is None else format_bytes(one.size_bytes),
        _seconds(one.made_seconds),
    )


def _seconds(seconds: float | None) -> str:
    """One unit for a column.

    >>> _seconds(0.0312), _seconds(63.42), _seconds(None)
    ('0.03 s', '63.42 s', '-')
    """
    return "-" if seconds is None else f"{seconds:.2f} s"


def _remarks(one: Compared) -> Iterator[str]:
    if one.trouble:
        yield f"{one.name}: {printable(one.trouble)[:LONGEST]}"
        return
    if one.failure:
        yield f"{one.name}: {printable(one.failure)[:LONGEST]}"
    if one.wrong:
        yield f"{one.name}: {printable('; '.join(one.wrong))[:LONGEST]}"
    if one.to_the_end:
        yield f"{one.name}: recovered to the end of what there was; its findings are those of a recovery to a moment"
    if one.age_seconds is not None:
        exposed = f"; in production it may be {format_seconds(one.exposed_seconds)} old" if one.exposed_seconds else ""
        yield f"{one.name}: its backup began {format_seconds(one.age_seconds)} before the disaster{exposed}"
    if one.phases:
        named = ", ".join(f"{name} {_seconds(took)}" for name, took in one.phases if took >= SHORTEST_PHASE)
        yield f"{one.name}: {named}"


def advice(strategies: Sequence[Compared]) -> str:
    """Which was back soonest, and what each of the two lost. Once measured: it says what happened, not what will."""
    back = sorted((one for one in strategies if one.back), key=_full)
    if not back:
        return "No strategy brought everything back."
    if len(back) == 1:
        return f"Only {back[0].name} brought everything back, in {format_seconds(_full(back[0]))}."
    first, slowest = back[0], back[-1]
    parts = [_sooner(first, slowest)]
    if (second := back[1]) is not slowest:
        parts.append(_sooner(first, second))
    least = min(
        (one for one in back if one.age_seconds is None), key=lambda one: (_lost(one), _full(one)), default=first
    )
    if _lost(least) < _lost(first):
        parts.append(f"{least.name} lost the fewest: {_lost(least)} rows instead of {first.name}'s {_lost(first)}.")
    return " ".join([*parts, "Each was measured once, here and on these data."])


def _sooner(first: Compared, other: Compared) -> str:
    if _full(first) > WITHIN * _full(other):
        when = f"{first.name} and {other.name} were back as soon as each other ({format_seconds(_full(first))})"
    else:
        when = f"{first.name} was back {_full(other) / _full(first):.1f} times sooner than {other.name}"
        when += f" ({format_seconds(_full(first))} instead of {format_seconds(_full(other))})"
    if first.lost is None or other.lost is None:
        return f"{when}; what they lost is not known of both."
    if first.lost == other.lost:
        return f"{when}, and both lost {first.lost} rows."
    return f"{when}, and lost {first.lost} instead of {other.lost} rows{_because(first, other)}."


def _because(*two: Compared) -> str:
    """How old a backup is at the disaster decides what it loses, and that was the drill's doing."""
    old = [f"that of {one.name} {format_seconds(one.age_seconds)}" for one in two if one.age_seconds is not None]
    return f" (backups as old as the drill made them: {', '.join(old)})" if old else ""


def _full(one: Compared) -> float:
    assert one.full_seconds is not None
    return one.full_seconds


def _lost(one: Compared) -> float:
    return float("inf") if one.lost is None else one.lost
