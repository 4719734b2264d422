"""What came back: the restored database against the source as it was before the disaster."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import psycopg

from gonogo.core.errors import NotMeasurable
from gonogo.core.observation import Observation
from gonogo.core.quantity import format_seconds
from gonogo.drills import Artefact, Target
from gonogo.pg.fingerprint import SETTING, Difference, Fingerprint, compare
from gonogo.pg.ledger import Key, Ledger, count, survivors
from gonogo.pg.sessions import session
from gonogo.pg.vectors import mean_with_interval
from gonogo.runners.baseline import Baseline, K, Recalled, without_time_limits
from gonogo.runners.searching import IndexUse, index_use, recalls, visible
from gonogo.stacks.context import Context
from gonogo.stacks.interfaces import PostgresServer, Role

DIFFER = "fingerprints_differ"
TABLE = "table"  # the kind of difference that rows make
READ_SECONDS = 600.0
SHOWN = 5
FEWEST_ACKNOWLEDGED = 20  # fewer writes say nothing about what is lost
FEWEST_BEFORE_BACKUP = 4  # of which every one has to be there
RELATIONS = "SELECT oid, oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'm', 'i', 't', 'S')"


def rows_and_objects(
    before: Fingerprint, after: Fingerprint, source_later: Fingerprint, evidence: str, *, vectors: str | None = None
) -> Iterator[Observation]:
    """Everything that is not as it was. What others changed on the source meanwhile cannot be told from a loss.

    Tables that others wrote to are named and left out, as long as none of them has the column of the `vectors`, others
    are left, and no definition changed.
    """
    moved = compare(before, source_later)
    subjects = {one.subject for one in moved}
    differences = [one for one in compare(before, after) if one.subject not in subjects]
    settings = [one for one in differences if one.kind == SETTING]
    rest = [one for one in differences if one.kind != SETTING]
    compared = _without_rows_of(before, moved)
    unsure = bool(moved) and not _compared_in_part(before, compared, moved, vectors)
    equal = f"{compared.rows} rows, {compared.things} things equal"
    changed = f"others changed the source during the drill: {_listed([str(one) for one in moved])}"
    yield Observation(
        name=DIFFER,
        value=None if unsure and not rest else len(rest),
        unit="count",
        n=compared.things,
        evidence=evidence,
        detail=_listed([str(one) for one in rest]) or (changed if unsure else equal),
    )
    if moved and not unsure:
        yield from _not_compared(moved)
    yield Observation(name="differences", value=tuple(str(one) for one in rest), n=before.things, evidence=evidence)
    yield _settings_lost(len(before.objects.get(SETTING, {})), settings, evidence)
    yield _broken_indexes(before, after, rest)


def _without_rows_of(before: Fingerprint, moved: Sequence[Difference]) -> Fingerprint:
    names = {one.name for one in moved if one.kind == TABLE}
    return replace(before, tables={name: one for name, one in before.tables.items() if name not in names})


def _compared_in_part(
    before: Fingerprint, compared: Fingerprint, moved: Sequence[Difference], vectors: str | None
) -> bool:
    """Whether what is left says something: a restore that is good but for its vectors is not good in part."""
    with_vectors = {name for name, one in before.tables.items() if vectors in one.columns}
    rows_alone = all(one.kind == TABLE for one in moved)
    return rows_alone and bool(compared.tables) and with_vectors <= compared.tables.keys()


def _not_compared(moved: Sequence[Difference]) -> Iterator[Observation]:
    """Of what was written to during the drill nobody knows how it was when the backup began."""
    for one in moved:
        detail = f"it was written to meanwhile, not compared: {one.what}"
        yield Observation(name=DIFFER, subject=one.name, value=None, not_applicable=True, detail=detail)


def _settings_lost(there: int, differences: Sequence[Difference], evidence: str) -> Observation:
    if not there and not differences:
        detail = "the source's database and roles have no settings of their own"
        return Observation(name="settings_lost", value=None, not_applicable=True, evidence=evidence, detail=detail)
    return Observation(
        name="settings_lost",
        value=tuple(f"{one.name}: {one.what}" for one in differences),
        n=there + len(differences),
        evidence=evidence,
        detail="settings of the database and its roles that the restored one does not have",
    )


def _broken_indexes(before: Fingerprint, after: Fingerprint, differences: Sequence[Difference]) -> Observation:
    missing = {one.name for one in differences if one.kind == "index" and one.what.startswith("missing")}
    invalid = {name for name, text in after.objects.get("index", {}).items() if text.endswith("(invalid)")}
    there = len(before.objects.get("index", {}))
    return Observation(
        name="broken_indexes",
        value=tuple(sorted(missing | invalid)),
        n=there,
        detail=f"of {there} indexes {len(missing)} are missing and {len(invalid)} are invalid",
    )


def _listed(sentences: Sequence[str]) -> str:
    more = f" and {len(sentences) - SHOWN} more" if len(sentences) > SHOWN else ""
    return "; ".join(sentences[:SHOWN]) + more


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """The vector search on the restored database."""

    index_used: bool
    observations: tuple[Observation, ...]


def search(target: PostgresServer, baseline: Baseline) -> Search:
    """Whether the index serves the application's search, and how much of the truth it finds."""
    before = baseline.searched
    if before is None:
        return _nothing_to_search()
    try:
        use = index_use(target, before.captured, before.table)
    except (NotMeasurable, psycopg.Error) as error:
        use = IndexUse(used=False, detail=f"the search fails: {error}")
    detail = f"before: {before.index.detail}; restored: {use.detail}"
    found = [Observation(name="vector_index_used", value=use.used, n=1, detail=detail)]
    if not before.index.used:
        found = [Observation(name="vector_index_used", value=None, n=1, detail=f"not even before: {detail}")]
    return Search(index_used=use.used, observations=(*found, *_recall(target, before.recalled)))


def _nothing_to_search() -> Search:
    """Of a database without vectors nothing of the kind can be lost; the fingerprint has compared everything else."""
    detail = "neither stack file nor database knows a vector column"
    return Search(
        index_used=False,
        observations=tuple(
            Observation(name=name, value=None, not_applicable=True, detail=detail)
            for name in ("vector_index_used", "recall_drop")
        ),
    )


def _recall(target: PostgresServer, before: Recalled) -> Iterator[Observation]:
    try:
        if before.sample is None:
            raise NotMeasurable(before.missing)
        after = recalls(target, before.sample)
    except (NotMeasurable, psycopg.Error) as error:
        yield Observation(name="recall_drop", value=None, unit="1", detail=f"recall: {error}")
    else:
        yield from _drop(before.recalls, after)


def _drop(before: Sequence[float], after: Sequence[float]) -> Iterator[Observation]:
    drop = mean_with_interval([was - now for was, now in zip(before, after, strict=True)])
    for subject, samples in (("source", before), ("restored", after)):
        mean = mean_with_interval(samples)
        yield Observation(
            name=f"recall_at_{K}", subject=subject, value=mean.mean, unit="1", n=mean.n, low=mean.low, high=mean.high
        )
    yield Observation(
        name="recall_drop",
        value=drop.mean,
        unit="1",
        n=drop.n,
        low=drop.low,
        high=drop.high,
        detail=f"recall@{K} of the application's search, source minus restored; the truth is that of the source",
    )


def isolation(target: PostgresServer, baseline: Baseline, context: Context) -> Observation:
    """Rows of others that the application's role can read now and could not before."""
    tables = list(context.facts.tables.values())
    tenant = baseline.question.tenant
    before = {one.table: one for one in baseline.visible}
    if not before:
        if nobody_to_leak_to(context):
            detail = "the stack has one tenant, and row-level security is on no table: every row is everybody's"
            return Observation(name="isolation_leaks", value=None, not_applicable=True, detail=detail)
        named = any(table.tenant for table in tables)
        detail = (
            "no search of the application was seen in the database: how it names a tenant there is not known"
            if named
            else "the stack file names no tenant column: whose rows are whose cannot be told"
        )
        return Observation(name="isolation_leaks", value=None, detail=detail)
    assert baseline.searched is not None  # what is visible was seen through its search
    try:
        now = list(visible(target, baseline.searched.captured, tables, tenant))
    except psycopg.Error as error:
        return Observation(name="isolation_leaks", value=None, detail=f"the application's role is refused: {error}")
    if not any(one.own for one in now):
        return Observation(
            name="isolation_leaks", value=None, detail=f"the application sees no row at all as {tenant} any more"
        )
    leaks = {one.table: max(0, one.foreign - before[one.table].foreign) for one in now if one.table in before}
    listed = _listed([f"{rows} of {table}" for table, rows in leaks.items() if rows])
    return Observation(
        name="isolation_leaks",
        value=sum(leaks.values()),
        unit="count",
        n=sum(one.rows for one in now),
        detail=listed or f"as {tenant} and as nobody, the application's role sees nothing that it did not see before",
    )


def nobody_to_leak_to(context: Context) -> bool:
    """Whether stack file and database agree that there are no tenants."""
    spec, facts = context.stack.spec, context.facts
    declared = any(table.tenant for table in spec.data.tables.values())
    return len(spec.contract.tenants) <= 1 and not declared and facts.database_read and not facts.row_security


def pages(target: PostgresServer) -> Observation:
    """Read every page of every relation, checksums verified: nothing else looks into vector indexes."""
    return pages_of(target.dsn(Role.ADMIN), timeout_seconds=READ_SECONDS)


def pages_of(dsn: str, *, timeout_seconds: float) -> Observation:
    """The same of any database, in a superuser's session."""
    name = "unreadable_relations"
    broken: list[str] = []
    blocks = 0
    with session(dsn, timeout_seconds=timeout_seconds) as connection:
        if connection.execute("SELECT current_setting('data_checksums')").fetchone() != ("on",):
            return Observation(name=name, value=None, detail="the restored cluster has no data checksums")
        try:
            connection.execute("CREATE EXTENSION IF NOT EXISTS pg_prewarm")
        except psycopg.Error as error:
            return Observation(name=name, value=None, detail=f"pages cannot be read one by one: {error}")
        for oid, relation in connection.execute(RELATIONS).fetchall():
            try:
                row = connection.execute("SELECT pg_prewarm(%s::oid::regclass, 'buffer')", [oid]).fetchone()
            except psycopg.errors.DataCorrupted:
                broken.append(relation)
            else:
                blocks += row[0] if row else 0
    return Observation(name=name, value=tuple(broken), n=blocks, detail=f"{blocks} pages were read")


def ledger_counts(
    target: PostgresServer, ledger: Ledger, disaster_at: float, aim: Target | None
) -> Iterator[Observation]:
    """What was acknowledged before the disaster, or the moment that recovery aimed at, and is not there."""
    until = disaster_at if aim is None else aim.before
    with session(target.dsn(Role.ADMIN), timeout_seconds=READ_SECONDS) as connection:
        counted = count(connection, ledger, until=until)
        if aim is not None:
            yield _after_the_target(survivors(connection, ledger), ledger, aim)
    if counted.acknowledged < FEWEST_ACKNOWLEDGED:
        detail = f"only {counted.acknowledged} writes were acknowledged before the disaster"
        for name in ("rpo", "acknowledged_rows_lost", "holes", "unexpected_rows"):
            yield Observation(name=name, value=None, n=counted.acknowledged, detail=detail)
        return
    detail = f"{counted.lost} of {counted.acknowledged} acknowledged writes are lost, {counted.survivors} are there"
    detail += f"; {counted.indeterminate} indeterminate" if counted.indeterminate else ""
    seconds = counted.rpo_seconds(until)
    yield Observation(name="rpo", value=seconds, unit="s", n=counted.acknowledged, detail=detail)
    numbers = {
        "acknowledged_rows_lost": counted.lost,
        "holes": counted.holes,
        "unexpected_rows": counted.unexpected,
    }
    for name, value in numbers.items():
        yield Observation(name=name, value=value, unit="count", n=counted.acknowledged, detail=detail)


def _after_the_target(there: Collection[Key], ledger: Ledger, aim: Target) -> Observation:
    """Recovery that goes too far brings back what it was to undo."""
    later = [entry.key for entry in ledger.entries if entry.sent_at > aim.after]
    too_many = len(set(later) & set(there))
    detail = f"{too_many} of {len(later)} writes sent after the target ({aim.kind} {aim.value}) are there"
    return Observation(name="rows_after_target", value=too_many, unit="count", n=len(later), detail=detail)


def missing_from_backup(target: PostgresServer, ledger: Ledger, artefact: Artefact, disaster_at: float) -> Observation:
    """What was acknowledged before the backup began and is not in it: a backup of another day looks good in all else.

    On data that hardly change its rows are the same, and where none of the ledger came back there is no hole in it.
    What follows its source until the disaster is to have everything that is older than it may be behind.
    """
    name = "rows_missing_from_backup"
    until, moment = artefact.covers_until, "before the backup began"
    if artefact.behind_seconds is not None:
        until = disaster_at - artefact.behind_seconds
        moment = f"more than {format_seconds(artefact.behind_seconds)} before the disaster"
        moment = moment if artefact.behind_seconds else "before the disaster, synchronously"
    with session(target.dsn(Role.ADMIN), timeout_seconds=READ_SECONDS) as connection:
        counted = count(connection, ledger, until=until)
    if counted.acknowledged < FEWEST_BEFORE_BACKUP:
        detail = f"only {counted.acknowledged} writes were acknowledged {moment}"
        return Observation(name=name, value=None, n=counted.acknowledged, detail=detail)
    detail = f"{counted.lost} of {counted.acknowledged} writes acknowledged {moment} are not in it"
    late = bool(artefact.behind_seconds)  # how far a copy lags behind depends on what its host leaves it
    return Observation(
        name=name, value=counted.lost, unit="count", n=counted.acknowledged, load_sensitive=late, detail=detail
    )


def snapshot_of(connection: psycopg.Connection[tuple[object, ...]]) -> str:
    """Export a snapshot of what was restored, before anybody writes; it holds as long as the session stays open."""
    without_time_limits(connection)
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    row = connection.execute("SELECT pg_export_snapshot()").fetchone()
    assert row is not None
    return str(row[0])
