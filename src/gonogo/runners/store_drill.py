"""How a drill of a store beside the database runs: look, copy while writes go on, lose it, start another, compare.

The source is treated as lost and stays as it is, but for what the drill plants and writes, which is removed again.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from gonogo.core.errors import NotMeasurable
from gonogo.core.observation import Observation
from gonogo.core.quantity import format_bytes
from gonogo.drills import RestoreFailed
from gonogo.drills.stores import OF_ANOTHER_DAY, STORE_METHODS, Portrait, Searched, StoreArtefact, StoreMethod
from gonogo.drills.stores._servers import started_from_copy
from gonogo.runners import drill_report, store_report
from gonogo.runners.phases import PhaseClock
from gonogo.runners.store_ledger import StoreLedger
from gonogo.spec.verification import DrillSpec
from gonogo.stacks.context import Context
from gonogo.stacks.interfaces import FileStore, StoreRequest

WRONG_SECONDS = 2.0  # how long it may answer something else, or refuse
SILENT_SECONDS = 60.0  # and how long it may keep us waiting, reading its index for the first time
SLOW_SECONDS = 1.0  # what takes longer was no refusal
POLL_SECONDS = 0.01
WRITES_BEFORE = 20  # acknowledged before the copy begins: with fewer nothing can be said of it
WRITES_AFTER = 5
WRITES_SECONDS = 30.0
SPACE_FACTOR = 3  # the restored store, on its way and in its place, and what it writes
SPACE_BYTES = 64 * 2**20


@dataclass(slots=True, kw_only=True)
class StoreDrill:
    """One drill on its way."""

    context: Context
    method: StoreMethod
    parameters: Any
    source: FileStore
    before: Portrait
    ledger: StoreLedger
    recalls: Mapping[str, list[float]] = field(default_factory=dict)  # of the source, where the store finds neighbours
    yesterday: StoreArtefact | None = None
    artefact: StoreArtefact | None = None
    disaster_at: float = 0.0
    clock: PhaseClock | None = None
    right: bool = False
    failure: str = ""


def run_store_drill(
    context: Context, spec: DrillSpec, *, artefact_defect: str | None = None, changes: Mapping[str, Any] | None = None
) -> None:
    """Run a drill and record what it showed. `changes` replace parameters, `artefact_defect` breaks the copy.

    Raises NotMeasurable when nothing can be said.
    """
    method = STORE_METHODS.load(spec.method)
    parameters = method.parameters.model_validate({**spec.with_, **(changes or {})})
    source = method.service(context, parameters)
    with ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="drill-", dir=context.stack.scratch)))
        method.reader.forget(source)  # of a drill that was killed
        delete_one = cleanup.enter_context(method.reader.planted(context, source))
        yesterday = None
        if artefact_defect == OF_ANOTHER_DAY:
            yesterday = method.backup(context, parameters, source, folder / "yesterday")
        delete_one()
        context.progress("reading the source")
        before = method.reader.portrait(source)
        keep_portrait(context, "source", before)
        cleanup.callback(method.reader.forget, source)
        writer = method.reader.writer(source)
        ledger = cleanup.enter_context(StoreLedger(writer, rate_per_second=method.reader.rate_per_second))
        drill = StoreDrill(
            context=context, method=method, parameters=parameters, source=source, before=before, ledger=ledger,
            yesterday=yesterday,
            recalls=method.reader.recalls(source, before) if isinstance(method.reader, Searched) else {},
        )  # fmt: skip
        _back_up(drill, folder, artefact_defect)
        _restore(drill)
    for observation in drill_report.exposure(context, parameters, drill.artefact):
        context.observe(observation)
    context.draw(store_report.timeline(drill))


def keep_portrait(context: Context, name: str, portrait: Portrait) -> None:
    """Keep what was compared as evidence: names, kinds, digests and ends, no values."""
    items = {key: [one.kind, one.digest, one.expires_ms] for key, one in sorted(portrait.items.items())}
    context.recorder.artifact(f"portrait_{name}.json", json.dumps(items, indent=0))


def _back_up(drill: StoreDrill, folder: Path, artefact_defect: str | None) -> None:
    """Copy while writes go on, then lose the source: every acknowledgement came before that."""
    context, ledger = drill.context, drill.ledger
    ledger.await_writes(WRITES_BEFORE, context.deadline.within(WRITES_SECONDS))
    context.progress("copying the store's files")
    try:
        drill.artefact = drill.method.backup(context, drill.parameters, drill.source, folder / "copy")
        _see_that_it_fits(context, drill.artefact)
        if artefact_defect is not None:
            drill.artefact = _broken(drill, drill.artefact, artefact_defect)
    except RestoreFailed as error:
        drill.failure = str(error)
    ledger.await_writes(WRITES_AFTER, context.deadline.within(WRITES_SECONDS))
    ledger.stop()
    drill.clock = PhaseClock("provision")
    drill.disaster_at = drill.clock.started


def _see_that_it_fits(context: Context, artefact: StoreArtefact) -> None:
    """Raise NotMeasurable where the restored store may not fit beside the copy."""
    needed = artefact.size_bytes * SPACE_FACTOR + SPACE_BYTES
    free = shutil.disk_usage(context.stack.scratch).free
    if free < needed:
        raise NotMeasurable(
            f"the drill may need {format_bytes(needed)} below {context.stack.scratch}, {format_bytes(free)} are free"
        )


def _broken(drill: StoreDrill, artefact: StoreArtefact, name: str) -> StoreArtefact:
    if name == OF_ANOTHER_DAY:
        assert drill.yesterday is not None
        return replace(drill.yesterday, covers_until=artefact.covers_until)
    defects = drill.method.artefact_defects()
    if name not in defects:
        known = ", ".join(sorted([*defects, OF_ANOTHER_DAY]))
        raise NotMeasurable(f"there is no artefact defect {name!r} (known: {known})")
    broken = defects[name](drill.context, artefact, drill.parameters)
    assert isinstance(broken, StoreArtefact)
    return broken


def _restore(drill: StoreDrill) -> None:
    """Start a server on the copy and compare; or record why that failed."""
    context = drill.context
    if drill.artefact is None:
        context.observe(drill_report.not_restored(drill.failure))
        return
    context.progress(f"starting a fresh server from {format_bytes(drill.artefact.size_bytes)}")
    try:
        with _target(drill) as target:
            trouble = _until_right(drill, target)
            context.progress("comparing the restored store with the source")
            _compare(drill, target, trouble)
    except RestoreFailed as error:
        context.observe(drill_report.not_restored(str(error)))


@contextmanager
def _target(drill: StoreDrill) -> Iterator[FileStore]:
    """A server on the copied files. Raises RestoreFailed where none starts, NotMeasurable where time ran out."""
    context, method, clock = drill.context, drill.method, drill.clock
    assert clock is not None
    assert drill.artefact is not None
    request = StoreRequest(
        service=drill.source.name,
        fill=partial(_fill, drill, drill.artefact),
        settings=method.settings(drill.parameters),
        phase=clock.begin,
    )
    with started_from_copy(context, request, drill.source) as target:
        yield target


def _fill(drill: StoreDrill, artefact: StoreArtefact, data: Path) -> None:
    assert drill.clock is not None
    drill.clock.begin("copy back")
    drill.method.fill(drill.context, drill.parameters, artefact, data)


def _until_right(drill: StoreDrill, target: FileStore) -> str:
    """Ask until what was known comes back as it was; "" then, else why it never did.

    A store that has started has read what there is: one that answers something else will not think better of it.
    """
    context, clock = drill.context, drill.clock
    assert clock is not None
    clock.begin("first right answer")
    patience, silence = context.deadline.within(WRONG_SECONDS), context.deadline.within(SILENT_SECONDS)
    trouble, slow = "", False
    while not (silence if slow else patience).expired:
        asked_at = time.monotonic()
        try:
            if drill.method.reader.answers_right(target, drill.before):
                clock.end()
                drill.right = True
                return ""
            trouble = "it answers something else"
        except NotMeasurable as error:
            trouble = str(error)
        slow = time.monotonic() - asked_at > SLOW_SECONDS
        context.deadline.sleep(POLL_SECONDS)
    context.deadline.check("the restored store answers")
    return trouble


def _compare(drill: StoreDrill, target: FileStore, trouble: str) -> None:
    assert drill.clock is not None
    context, reader = drill.context, drill.method.reader
    try:
        after = reader.portrait(target)
        there = reader.entries(target)
    except NotMeasurable as error:
        context.deadline.check("the restored store is read")
        context.observe(drill_report.not_restored(f"the restored store cannot be read: {error}"))
        return
    keep_portrait(context, "restored", after)
    later = reader.portrait(drill.source)
    thrown = later.thrown_away - drill.before.thrown_away + after.thrown_away
    context.observe(store_report.came_back(drill.before, after))
    answer = f"what was known comes back as it was{f': no, {trouble}' if trouble else ''}"
    observations = [
        Observation(name="answers_right", value=drill.right, n=1, detail=answer),
        *store_report.times(drill.clock, right=drill.right, trouble=trouble, poll_seconds=POLL_SECONDS),
        *store_report.compared(drill.before, after, later, thrown=thrown, deleted=reader.deleted),
        *store_report.ledger(drill, there, thrown),
        *_searched(drill, target),
    ]
    for observation in observations:
        context.observe(observation)


def _searched(drill: StoreDrill, target: FileStore) -> Iterator[Observation]:
    """Whether the restored index finds what the source's found, where the store has one."""
    reader = drill.method.reader
    if not isinstance(reader, Searched):
        return
    try:
        after: Mapping[str, list[float]] | str = reader.recalls(target, drill.before)
    except NotMeasurable as error:
        drill.context.deadline.check("the restored store is searched")
        after = str(error)
    yield from store_report.recall(drill.recalls, after)
