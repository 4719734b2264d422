"""What the drill of a whole stack says: documents, rows beside vectors, the cache, and times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from gonogo.core.errors import GonogoError, NotMeasurable
from gonogo.core.observation import Mark, Observation, Span, Timeline
from gonogo.drills.stores._redis import stale
from gonogo.pg.fingerprint import SETTING, compare
from gonogo.runners import store_report
from gonogo.runners.baseline import fingerprint_of
from gonogo.runners.store_report import listed
from gonogo.runners.whole_documents import Document, Fate, look_for
from gonogo.stacks.agreement import Disagreement, disagreement, rows_of
from gonogo.stacks.chroma import Chroma
from gonogo.stacks.scale import data_share, too_small

if TYPE_CHECKING:
    from gonogo.core.facts import TableFacts
    from gonogo.drills.whole import Restored
    from gonogo.runners.whole_drill import WholeDrill
    from gonogo.spec.stack import CollectionSpec
    from gonogo.stacks.chroma import VectorStore
    from gonogo.stacks.contract import Application
    from gonogo.stacks.interfaces import FileStore, PostgresServer

DIFFER = "stores_differ"
MISSING, BACK, STALE = "documents_missing", "resurrected_documents", "stale_cache_entries"
NO_ROWS, NO_VECTORS, TEXTS = "vectors_without_document", "documents_without_vectors", "texts_that_differ"


def documents(drill: WholeDrill, application: Application) -> Iterator[Observation]:
    """Those that were there at the moment are found, in that version; those that were deleted before are not."""
    written = drill.documents
    seen = {one.id: look_for(application, written.tenant, one, one.at_moment or one.word) for one in written.written}
    expected = [*written.of(Fate.KEPT), *written.of(Fate.CHANGED)]
    missing = [
        f"{one.id}: {_lack(seen[one.id].fetched, found=seen[one.id].found)}"
        for one in expected if seen[one.id].fetched is False or not seen[one.id].in_this_version
    ]  # fmt: skip
    detail = listed(missing) or "each is found, in the version of that moment"
    found = Observation(name=MISSING, value=len(missing), unit="count", n=len(expected), detail=detail)
    yield _unless_unsettled(drill, (Fate.KEPT, Fate.CHANGED), found)
    gone = list(written.of(Fate.DELETED))
    back = [one.id for one in gone if seen[one.id].fetched or seen[one.id].found]
    detail = listed(back) or "what was deleted before the copies were made is neither found nor there"
    found = Observation(name=BACK, value=len(back), unit="count", n=len(gone), detail=detail)
    yield _unless_unsettled(drill, (Fate.DELETED,), found)
    yield from _lost(drill, [one for one in written.written if seen[one.id].fetched or seen[one.id].found])


def _unless_unsettled(drill: WholeDrill, fates: Sequence[Fate], seen: Observation) -> Observation:
    """What was so before the disaster as well says nothing of the restore."""
    unsettled = [drill.documents.unsettled[fate] for fate in fates if fate in drill.documents.unsettled]
    if not (seen.value and unsettled):
        return seen
    detail = f"not even before the disaster was it as it should be: {listed(unsettled)}"
    return replace(seen, value=None, detail=detail)


def _lack(fetched: bool | None, *, found: bool) -> str:
    return "not there" if fetched is False else "another version" if found else "not found by a search"


def _lost(drill: WholeDrill, there: Sequence[Document]) -> Iterator[Observation]:
    """What the moment costs: everything that was acknowledged between it and the disaster."""
    owed = [one for one in drill.documents.written if one.fate is not Fate.DELETED]
    kept = [one for one in owed if one in there]
    lost = len(owed) - len(kept)
    newest = max((one.acknowledged_at for one in kept if one.fate is Fate.KEPT), default=None)
    detail = f"{lost} of {len(owed)} documents were stored after the moment, or are lost"
    yield Observation(name="acknowledged_documents_lost", value=lost, unit="count", n=len(owed), detail=detail)
    seconds = None if newest is None else (drill.disaster_at - newest if lost else 0.0)
    yield Observation(name="rpo", value=seconds, unit="s", n=len(owed), detail=detail)


def unknown_documents(reason: str) -> Iterator[Observation]:
    """The application does not run: nobody can be asked."""
    for name in (MISSING, BACK):
        yield Observation(name=name, value=None, unit="count", detail=reason)


def reconciled(drill: WholeDrill, restored: Restored) -> Iterator[Observation]:
    """Rows beside vectors, and what the cache still says."""
    for key, after in disagreements(drill, restored.database, restored.vectors).items():
        seen = _rows_and_vectors(key, drill.disagreements.get(key), after)
        texts = drill.context.stack.spec.data.collections[key].text
        yield from (one if texts or one.name != TEXTS else _no_texts(one) for one in seen)
    yield _stale(drill, restored)


def _no_texts(seen: Observation) -> Observation:
    detail = "the stack file names no column whose text the collection holds"
    return replace(seen, value=None, n=None, not_applicable=True, detail=detail)


def disagreements(drill: WholeDrill, database: PostgresServer, vectors: FileStore) -> dict[str, Disagreement | str]:
    """Rows beside vectors by collection, on the sources or on what was restored; or why that is not known."""
    found: dict[str, Disagreement | str] = {}
    for key, spec in drill.context.stack.spec.data.collections.items():
        table = drill.context.facts.tables.get(spec.table)
        if spec.service == drill.parts.vectors.name and table is not None:
            try:
                found[key] = _disagreement(database, vectors, key, spec, table)
            except NotMeasurable as error:
                found[key] = str(error)
    return found


def _disagreement(
    database: PostgresServer, store: FileStore, key: str, spec: CollectionSpec, table: TableFacts
) -> Disagreement:
    server = cast("VectorStore", store)
    rows = rows_of(database.dsn(), table, spec)
    with Chroma(server.url, server.place) as chroma:
        there = {one.name: one for one in chroma.collections()}
        found = there.get(spec.collection or key)
        vectors = {one.id: one.text for one in chroma.records(found)} if found else {}
    return disagreement(rows, vectors, rows, texts=spec.text is not None)


def _rows_and_vectors(key: str, before: Disagreement | str | None, after: Disagreement | str) -> Iterator[Observation]:
    """What the restore brought apart: what did not agree at the source either is for a check to say."""
    for name, part in ((NO_VECTORS, "missing"), (NO_ROWS, "orphans"), (TEXTS, "differing")):
        if isinstance(after, str) or not isinstance(before, Disagreement):
            why = after if isinstance(after, str) else f"not even at the source: {before}"
            yield Observation(name=name, subject=key, value=None, unit="count", detail=why)
            continue
        already: set[str] = getattr(before, part)
        ids = getattr(after, part) - already
        detail = f"of {after.compared}: {listed(sorted(ids)) or 'none'}"
        detail += f"; {len(already)} at the source already" if already else ""
        yield Observation(name=name, subject=key, value=len(ids), unit="count", n=after.compared, detail=detail)


def _stale(drill: WholeDrill, restored: Restored) -> Observation:
    """Entries of the cache that speak of documents which are gone, or of versions which are."""
    if drill.parts.cache is None or restored.cache is None:
        return Observation(name=STALE, value=None, not_applicable=True, detail="the stack runs no cache")
    written = drill.documents
    words = [one.id for one in (*written.of(Fate.LATER), *written.of(Fate.DELETED))]
    words += [one.word for one in written.of(Fate.CHANGED)]  # the version after the moment
    try:
        found, read = stale(restored.cache, words)
    except NotMeasurable as error:
        return Observation(name=STALE, value=None, unit="count", detail=str(error))
    detail = listed([f"{key} names {word}" for key, word in sorted(found.items())]) or "none"
    detail = f"of {read} entries of the restored cache, {drill.named_in_cache} of the old one's named such: {detail}"
    return Observation(name=STALE, value=len(found), unit="count", n=drill.named_in_cache, detail=detail)


def compared(drill: WholeDrill, restored: Restored) -> Iterator[Observation]:
    """Every store against itself at the moment."""
    rows = fingerprint_of(restored.database)
    assert drill.fingerprint is not None
    assert drill.portrait is not None
    wrong = [str(one) for one in compare(drill.fingerprint, rows) if one.kind != SETTING]
    yield _differing(drill, "database", wrong, rows.things, f"{rows.rows} rows, {rows.things} things equal")
    try:
        vectors = drill.reader.portrait(restored.vectors)
    except GonogoError as error:
        drill.context.deadline.check("the restored vector store is read")
        yield Observation(name=DIFFER, subject="vectors", value=None, unit="count", detail=str(error))
        return
    before, after = drill.portrait.items, vectors.items
    wrong = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    yield _differing(drill, "vectors", wrong, len(before), f"{len(before)} things equal")


def _differing(drill: WholeDrill, store: str, wrong: Sequence[str], things: int, equal: str) -> Observation:
    """What is not as it was. Where somebody wrote while the copies were made, that cannot be told from a loss."""
    unsure = bool(drill.disturbed and wrong)
    detail = f"written to while the copies were made: {drill.disturbed}" if unsure else listed(wrong) or equal
    value = None if unsure else len(wrong)
    return Observation(name=DIFFER, subject=store, value=value, unit="count", n=things, detail=detail)


def times(drill: WholeDrill, trouble: str) -> Iterator[Observation]:
    """The RTO of all stores together: a stack is back when its application answers."""
    assert drill.clock is not None
    right = drill.right
    detail = f"{drill.question.question!r} is answered correctly" if right else f"never: {trouble}"
    yield Observation(name="serves_again", value=right, n=1, load_sensitive=not right, detail=detail)
    share, _ = data_share(drill.context)
    yield share
    seconds = drill.clock.total_seconds() if right else None
    yield Observation(
        name="rto", value=seconds, unit="s", n=1, load_sensitive=True, lower_bound=too_small(share),
        detail=f"{detail}; {share.detail}",
    )  # fmt: skip
    if right:
        yield from store_report.phases(drill.clock)


def copied(drill: WholeDrill) -> Iterator[Observation]:
    """How long nothing was written, and how much was copied."""
    assert drill.copies is not None
    seconds, size = drill.copies.seconds, drill.copies.size_bytes
    yield Observation(name="backup_seconds", value=seconds, unit="s", n=1, load_sensitive=True)
    yield Observation(name="backup_size", value=size, unit="B", n=1)


def timeline(drill: WholeDrill) -> Timeline:
    """The moment, the disaster, and the phases of the restore."""
    since_start = drill.context.recorder.elapsed_s
    spans, marks = [], []
    if drill.copies is not None:
        began = since_start(drill.copies.at)
        spans.append(Span(name="copies", start_s=began, end_s=began + drill.copies.seconds))
        marks.append(Mark(name="moment", at_s=began))
    if drill.clock is not None:
        spans += store_report.spans_of(drill.clock, since_start)
        marks.append(Mark(name="disaster", at_s=since_start(drill.disaster_at)))
        if drill.right:
            marks.append(Mark(name="rto", at_s=since_start(drill.clock.started + drill.clock.total_seconds())))
    return Timeline(spans=tuple(spans), marks=tuple(marks))
