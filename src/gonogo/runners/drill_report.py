"""What a drill says: times with their resolution and the size of the data, exposure, timeline."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from gonogo.core.observation import Mark, Observation, Span, Timeline
from gonogo.core.quantity import format_seconds
from gonogo.drills import Artefact
from gonogo.drills.stores import StoreArtefact
from gonogo.pg.fingerprint import Fingerprint
from gonogo.runners.phases import NANO
from gonogo.runners.service import POLL_SECONDS
from gonogo.stacks.context import Context
from gonogo.stacks.scale import data_share, too_small

if TYPE_CHECKING:
    from gonogo.runners.drill import Drill

INDEX_PHASE = "vector indexes"
BY_SIZE = ("data", "keys and policies", INDEX_PHASE, "analyze")  # phases that grow with the data


def not_restored(reason: str) -> Observation:
    """The backup could not be restored."""
    return Observation(name="restored", value=False, n=1, detail=reason)


def restored_rows(before: Fingerprint, after: Fingerprint) -> Observation:
    """Whether every table came back, and rows in each that had some: a tool can exit with 0 over nothing."""
    detail = f"{after.rows} of {before.rows} rows in {len(after.tables)} of {len(before.tables)} tables"
    there = {name: table.rows for name, table in after.tables.items()}
    missing = [name for name in before.tables if name not in there]
    empty = [name for name, table in before.tables.items() if table.rows and there.get(name) == 0]
    for word, names in (("missing", missing), ("empty", empty)):
        detail += f"; {word}: {', '.join(names)}" if names else ""
    return Observation(name="restored", value=bool(there) and not missing and not empty, n=before.rows, detail=detail)


def recovery_times(drill: Drill, *, index_used: bool) -> Iterator[Observation]:
    """RTO in its phases, and what it was measured on. A service that never came back has no RTO."""
    served, clock = drill.served, drill.clock
    assert clock is not None
    share, scale = data_share(drill.context)
    yield share
    again = served.again
    works = f"{drill.baseline.question.question!r} is answered correctly, a write is acknowledged"
    detail = "; ".join(part for part in (works if again else "", served.trouble) if part)
    yield Observation(name="serves_again", value=again, n=1, load_sensitive=not again, detail=detail)
    resolution = f"measured every {POLL_SECONDS * 1000:.0f} ms; {share.detail}"
    full = again and (index_used or not drill.baseline.index_used)
    unserved = "the application's search is not served by a vector index any more"
    small = too_small(share)
    for name, seconds, reached, reason in (
        ("rto_degraded", served.degraded_seconds, served.degraded_seconds is not None, served.trouble),
        ("rto", served.full_seconds, full, unserved if again else served.trouble),
    ):
        yield Observation(
            name=name,
            value=seconds if reached else None,
            unit="s",
            n=1,
            load_sensitive=True,
            lower_bound=small,
            detail=resolution if reached else f"never reached: {reason}",
        )
    if served.full_seconds:
        yield from _phases(drill, served.full_seconds)
        if small and scale:
            yield _projection(drill, served.full_seconds, scale)


def _phases(drill: Drill, rto_seconds: float) -> Iterator[Observation]:
    assert drill.clock is not None
    for phase in drill.clock.phases:
        yield Observation(
            name="phase_seconds", subject=phase.name, value=phase.seconds, unit="s", n=1, load_sensitive=True
        )
    building = drill.clock.seconds_of(INDEX_PHASE)
    yield Observation(
        name="index_build_share",
        value=building / rto_seconds,
        unit="1",
        n=1,
        detail=f"{format_seconds(building)} of {format_seconds(rto_seconds)} went into building vector indexes",
    )


def _projection(drill: Drill, rto_seconds: float, scale: float) -> Observation:
    assert drill.clock is not None
    growing = sum(drill.clock.seconds_of(name) for name in BY_SIZE)
    return Observation(
        name="rto_projected",
        value=rto_seconds + growing * (scale - 1),
        unit="s",
        detail=f"a projection, not a measurement: the phases that grow with the data, {scale:.1f} times as long",
    )


def exposure(context: Context, parameters: Any, artefact: Artefact | StoreArtefact | None) -> Iterator[Observation]:
    """What the team stands to lose: the time between two real backups, until the second one is safe elsewhere."""
    name = getattr(parameters, "schedule", None)
    if isinstance(artefact, Artefact) and artefact.behind_seconds is not None:  # it is made all the time
        yield from _made(artefact)
        return
    declared = context.stack.spec.backups.get(name) if name else None
    if declared is None:
        detail = f"the stack file's backups do not say how often {name or 'this backup'} is made"
        yield Observation(name="exposed_rpo", value=None, unit="s", detail=detail)
        return
    takes = max(declared.takes, artefact.seconds if artefact else 0.0)
    parts = {"every": declared.every, "takes": takes, "shipping": declared.shipping}
    yield Observation(
        name="exposed_rpo",
        value=sum(parts.values()),
        unit="s",
        n=1,
        detail=f"backups.{name}: " + ", ".join(f"{key} {format_seconds(value)}" for key, value in parts.items()),
    )
    if artefact is not None:
        yield from _made(artefact)


def _made(artefact: Artefact | StoreArtefact) -> Iterator[Observation]:
    yield Observation(name="backup_seconds", value=artefact.seconds, unit="s", n=1, load_sensitive=True)
    yield Observation(name="backup_size", value=artefact.size_bytes, unit="B", n=1)


def timeline(drill: Drill) -> Timeline:
    """The backup, the disaster, and the phases of the restore."""
    since_start = drill.context.recorder.elapsed_s
    spans = []
    if drill.artefact is not None:
        began = since_start(drill.artefact.covers_until)
        spans.append(Span(name="backup", start_s=began, end_s=began + drill.artefact.seconds))
    phases = drill.clock.phases if drill.clock is not None else ()
    spans += [
        Span(name=phase.name, start_s=since_start(phase.start_ns * NANO), end_s=since_start(phase.end_ns * NANO))
        for phase in phases
    ]
    marks = [Mark(name="disaster", at_s=since_start(drill.disaster_at))]
    for name, seconds in (("rto_degraded", drill.served.degraded_seconds), ("rto", drill.served.full_seconds)):
        if seconds is not None and drill.clock is not None:
            marks.append(Mark(name=name, at_s=since_start(drill.clock.started + seconds)))
    return Timeline(spans=tuple(spans), marks=tuple(marks))
