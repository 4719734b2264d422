"""What a verified backup shows: times, and what its databases say of their own soundness."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

from gonogo.core.errors import NotMeasurable
from gonogo.core.observation import Observation, Span, Timeline
from gonogo.core.quantity import format_bytes
from gonogo.drills import printable
from gonogo.drills.given import IMAGE_HELPS, Given
from gonogo.drills.given.script import Spoken
from gonogo.pg import soundness
from gonogo.pg.fingerprint import Fingerprint, take_fingerprint
from gonogo.pg.portrait import Portrait, without_secrets
from gonogo.pg.sessions import Connection
from gonogo.pg.vectors import mean_with_interval
from gonogo.runners.phases import NANO, PhaseClock
from gonogo.runners.restored import pages_of
from gonogo.stacks.local.binaries import Binaries

SHOWN = 10
OF_VECTOR_INDEXES = ("vector_index_used", "vector_recall", "vector_index_reach")


def restore_times(clock: PhaseClock, given: Given) -> Iterator[Observation]:
    """The whole, from an empty folder to a database that answers, and its phases."""
    detail = f"{given.sentence}, {format_bytes(given.size_bytes)}; copying it here is part of it"
    yield Observation(
        name="restore_time", value=clock.total_seconds(), unit="s", n=1, load_sensitive=True, detail=detail
    )
    for phase in clock.phases:
        yield Observation(
            name="phase_seconds", subject=phase.name, value=phase.seconds, unit="s", n=1, load_sensitive=True
        )


def timeline(clock: PhaseClock, since_start: Callable[[float], float]) -> Timeline:
    """The phases, as far as they went."""
    return Timeline(
        spans=tuple(
            Span(name=one.name, start_s=since_start(one.start_ns * NANO), end_s=since_start(one.end_ns * NANO))
            for one in clock.phases
        )
    )


def named_roles(spoken: Spoken) -> Observation:
    """The roles that a dump names and does not bring."""
    detail = "named by the dump, which does not bring them: made here without login or rights; a restore needs them"
    if spoken.superusers:
        detail += f" (superusers must be: {', '.join(sorted(spoken.superusers))})"
    return Observation(name="roles_named", value=tuple(spoken.roles), n=len(spoken.roles), detail=detail)


def restored(databases: list[str], rows: int) -> Observation:
    """That everything was restored and could be read."""
    detail = f"{rows} rows were read in {', '.join(databases)}"
    return Observation(name="restored", value=True, n=1, detail=detail)


def require_extensions(connection: Connection, binaries: Binaries) -> None:
    """Raise NotMeasurable where the database uses an extension that is not installed here."""
    missing = connection.execute(
        "SELECT string_agg(extname::text, ', ') FROM pg_extension"
        " WHERE extname NOT IN (SELECT name FROM pg_available_extensions)"
    ).fetchone()
    if missing and missing[0]:
        raise NotMeasurable(
            f"it needs the extension {printable(missing[0])}, which {binaries.words} does not have; {IMAGE_HELPS}"
        )


def read_everything(connection: Connection, reference: Portrait | None) -> Fingerprint:
    """Every row of every table and every definition, as the reference's were read. Raises psycopg.Error."""
    return take_fingerprint(connection, algorithm=reference.fingerprint.algorithm if reference else None)


def size_of(connection: Connection) -> int:
    """Of the database, in bytes."""
    row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    return int(row[0]) if row else 0


def as_text(fingerprint: Fingerprint) -> str:
    """As evidence; what looks like a secret is hidden."""
    return json.dumps(without_secrets(fingerprint).to_json(), indent=1)


def pages(dsn: str, subject: str, seconds: float) -> Observation:
    """Whether every page of every relation can be read."""
    return replace(pages_of(dsn, timeout_seconds=seconds), subject=subject)


def sound(connection: Connection, after: Fingerprint, subject: str) -> Iterator[Observation]:
    """Everything that can be told without a reference."""
    there = len(after.objects.get("index", {}))
    invalid = soundness.names(connection, "invalid_indexes")
    yield Observation(
        name="invalid_indexes", subject=subject, value=invalid, n=1, detail=f"of {there} indexes {len(invalid)}"
    )
    yield _sequences(connection, subject)
    open_constraints = soundness.names(connection, "not_validated")
    yield Observation(
        name="constraints_not_validated", subject=subject, value=open_constraints, n=1,
        detail="rows that were there before these constraints were never checked; as in the source",
    )  # fmt: skip
    yield from _vector_indexes(connection, subject)
    yield _structure(connection, subject)  # last: it adds an extension, as reading every page will
    with suppress(NotMeasurable):
        soundness.extension(connection, "pg_prewarm")


def _sequences(connection: Connection, subject: str) -> Observation:
    found = dict(soundness.sequences_behind(connection))
    behind = tuple(sentence for sentence in found.values() if sentence)
    return Observation(
        name="sequences_behind", subject=subject, value=behind, n=max(1, len(found)),
        detail=f"of {len(found)} sequences {len(behind)} would give out keys that are taken",
    )  # fmt: skip


def _structure(connection: Connection, subject: str) -> Observation:
    name = "structure_errors"
    try:
        found = soundness.structure(connection)
    except NotMeasurable as error:
        return Observation(name=name, subject=subject, value=None, detail=str(error))
    if found.errors and soundness.sorts_otherwise(connection):
        detail = f"this host sorts texts otherwise than the one it comes from: {found.errors[0]}"
        return Observation(name=name, subject=subject, value=None, detail=detail)
    detail = f"amcheck looked into {found.checked} tables and btree indexes"
    return Observation(name=name, subject=subject, value=found.errors[:SHOWN], n=max(1, found.checked), detail=detail)


def _vector_indexes(connection: Connection, subject: str) -> Iterator[Observation]:
    indexes = soundness.vector_indexes(connection)
    if not indexes:
        yield from _not_searched(subject, "no column has a vector index")
    for index in indexes:
        if index.valid:  # else it is among the invalid ones
            yield from _searched(connection, index, f"{subject} {index.name}".strip())


def _searched(connection: Connection, index: soundness.VectorIndex, where: str) -> Iterator[Observation]:
    if index.why_not_searched:
        yield from _not_searched(where, f"{index.name}: {index.why_not_searched}, its search was not measured")
        return
    with soundness.alone(connection, index):
        found, reached = soundness.search(connection, index), soundness.reach(connection, index)
    if found is None:
        yield from _not_searched(where, f"{index.name}: its table holds no vectors, its search was not measured")
        return
    yield Observation(name="vector_index_used", subject=where, value=found.used, n=len(found.recalls))
    yield _recall(where, found)
    yield _reach(where, reached)


def _not_searched(where: str, detail: str) -> Iterator[Observation]:
    for name in OF_VECTOR_INDEXES:
        yield Observation(name=name, subject=where, value=None, not_applicable=True, detail=detail)


def _reach(where: str, found: tuple[int, int] | None) -> Observation:
    name = "vector_index_reach"
    if found is None:
        detail = "this pgvector cannot scan an index to its end, or there are too many rows to do so"
        return Observation(name=name, subject=where, value=None, not_applicable=True, detail=detail)
    reached, there = found
    detail = f"a scan of the whole index comes to {reached} of {there} rows"
    return Observation(name=name, subject=where, value=min(reached, there) / there, unit="1", n=there, detail=detail)


def _recall(where: str, found: soundness.Searched) -> Observation:
    mean = mean_with_interval(found.recalls)
    detail = (
        f"of the true {soundness.K} neighbours of stored vectors, by a search as wide as it gets: whether the index "
        "is sound, not how good the application's search is"
    )
    return Observation(name="vector_recall", subject=where, value=mean.mean, unit="1", n=mean.n, detail=detail)
