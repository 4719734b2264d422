"""How the drill of a whole stack runs: documents with known fates, one moment, the disaster, everything from copies.

The sources are treated as lost and stay as they are, but for the documents, which are deleted again.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gonogo.core.errors import DeadlineExceeded, MissingCapability, NotMeasurable, StackError
from gonogo.core.observation import Observation
from gonogo.core.quantity import format_bytes
from gonogo.drills import RestoreFailed
from gonogo.drills.stores import Portrait
from gonogo.drills.stores._chroma import ChromaReader
from gonogo.drills.stores._redis import forget_answers, plant_answers
from gonogo.drills.whole import WHOLE_METHODS, Copies, Parts, Restored, WholeMethod
from gonogo.pg.fingerprint import Fingerprint, compare
from gonogo.runners import drill_report, whole_report
from gonogo.runners.baseline import answers_right, fingerprint_of
from gonogo.runners.drill import check_disk_space
from gonogo.runners.phases import PhaseClock
from gonogo.runners.service import patience_seconds
from gonogo.runners.store_report import listed
from gonogo.runners.whole_documents import Documents, Fate, text_of
from gonogo.spec.verification import DrillSpec
from gonogo.stacks.agreement import Disagreement
from gonogo.stacks.context import Context
from gonogo.stacks.contract import Application, Question, application_of, questions_of
from gonogo.stacks.interfaces import RestoredStore

POLL_SECONDS = 0.01
QUESTIONS = 8
NEEDED = ("ingest", "delete", "search")  # requests of the contract


@dataclass(slots=True, kw_only=True)
class WholeDrill:
    """One drill on its way."""

    context: Context
    method: WholeMethod
    parameters: Any
    parts: Parts
    documents: Documents
    question: Question  # answered correctly before
    reader: ChromaReader
    yesterday: Copies | None = None
    fingerprint: Fingerprint | None = None  # at the moment
    portrait: Portrait | None = None
    disagreements: dict[str, Disagreement | str] = field(default_factory=dict)  # of the sources, at the moment
    disturbed: str = ""  # what somebody wrote while the copies were made
    copies: Copies | None = None
    named_in_cache: int = 0  # entries of the old cache that name what is gone after the restore
    disaster_at: float = 0.0
    clock: PhaseClock | None = None
    right: bool = False


def run_whole_drill(
    context: Context, spec: DrillSpec, *, artefact_defect: str | None = None, changes: Mapping[str, Any] | None = None
) -> None:
    """Run a drill and record what it showed. `changes` replace parameters, `artefact_defect` mixes the copies up.

    Raises NotMeasurable when nothing can be said.
    """
    method = WHOLE_METHODS.load(spec.method)
    parameters = method.parameters.model_validate({**spec.with_, **(changes or {})})
    check_disk_space(context)
    parts = method.parts(context, parameters)
    with ExitStack() as cleanup:
        application = cleanup.enter_context(application_of(context.stack))
        _see_that_it_can_be_asked(context, application)
        question = _known_question(context, application)
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="drill-", dir=context.stack.scratch)))
        written = Documents(context=context, application=application, tenant=question.tenant)
        drill = WholeDrill(
            context=context, method=method, parameters=parameters, parts=parts, question=question,
            documents=cleanup.enter_context(written), reader=ChromaReader(),
        )  # fmt: skip
        if parts.cache is not None:
            cleanup.callback(forget_answers, parts.cache)
        try:
            _bring_to_one_moment(drill, folder, artefact_defect)
        except RestoreFailed as error:
            context.observe(drill_report.not_restored(str(error)))
        else:
            _go_on(drill, folder)
            _restore(drill)
    context.draw(whole_report.timeline(drill))


def _see_that_it_can_be_asked(context: Context, application: Application) -> None:
    """Raise MissingCapability where a document cannot be followed through the stores."""
    if lacking := [name for name in NEEDED if not application.declares(name)]:
        raise MissingCapability(f"the contract declares no {', '.join(lacking)}: no document can be followed")
    if not context.stack.spec.data.collections:
        raise MissingCapability("data.collections of the stack file does not say which rows a vector store belongs to")


def _known_question(context: Context, application: Application) -> Question:
    questions = questions_of(context.stack)[:QUESTIONS]
    found = next((one for one in questions if answers_right(application, one)), None)
    if found is None:
        raise NotMeasurable(f"none of {len(questions)} questions is answered correctly even before the disaster")
    return found


def _bring_to_one_moment(drill: WholeDrill, folder: Path, artefact_defect: str | None) -> None:
    """Documents come, change and go; then every store is copied while nothing is written. Raises RestoreFailed."""
    context, method, documents = drill.context, drill.method, drill.documents
    documents.store(Fate.DELETED)
    documents.store(Fate.CHANGED)
    if artefact_defect is not None:
        drill.yesterday = method.copy(context, drill.parameters, drill.parts, folder / "yesterday", lambda: None)
    documents.store(Fate.KEPT)
    documents.change()
    documents.delete()
    documents.settle()
    context.progress("copying every store at one moment")
    drill.copies = method.copy(context, drill.parameters, drill.parts, folder / "copies", lambda: _look(drill))
    if artefact_defect is not None:
        drill.copies = _mixed_up(drill, artefact_defect)


def _look(drill: WholeDrill) -> None:
    """What the stores hold at the moment; the second time, whether that is what they still hold."""
    fingerprint = fingerprint_of(drill.parts.database)
    portrait = drill.reader.portrait(drill.parts.vectors)
    if drill.fingerprint is None or drill.portrait is None:
        drill.documents.mark_moment()
        drill.fingerprint, drill.portrait = fingerprint, portrait
        drill.disagreements = whole_report.disagreements(drill, drill.parts.database, drill.parts.vectors)
        return
    changed = [str(one) for one in compare(drill.fingerprint, fingerprint)]
    changed += sorted(
        name for name in drill.portrait.items.keys() | portrait.items.keys()
        if drill.portrait.items.get(name) != portrait.items.get(name)
    )  # fmt: skip
    drill.disturbed = listed(changed)


def _mixed_up(drill: WholeDrill, name: str) -> Copies:
    defects = drill.method.artefact_defects()
    if name not in defects:
        raise NotMeasurable(f"there is no artefact defect {name!r} (known: {', '.join(sorted(defects))})")
    assert drill.copies is not None
    assert drill.yesterday is not None
    return defects[name](drill.copies, drill.yesterday)


def _go_on(drill: WholeDrill, folder: Path) -> None:
    """The stack is used further, and the cache with it; then it is lost."""
    documents = drill.documents
    documents.store(Fate.LATER)
    documents.change()
    if drill.parts.cache is not None:
        later = [*documents.of(Fate.LATER), *documents.of(Fate.CHANGED)]
        answers = [*documents.of(Fate.KEPT), *later]
        plant_answers(drill.parts.cache, {one.id: text_of(one.word) for one in answers})
        drill.named_in_cache = len(later)
    assert drill.copies is not None
    drill.copies = drill.method.last_look(drill.context, drill.parameters, drill.parts, drill.copies, folder)
    drill.clock = PhaseClock("provision")
    drill.disaster_at = drill.clock.started


def _restore(drill: WholeDrill) -> None:
    """Every store from its copy, the application on all of them; then they are reconciled."""
    context = drill.context
    assert drill.copies is not None
    assert drill.clock is not None
    context.progress(f"restoring {format_bytes(drill.copies.size_bytes)} into fresh servers")
    try:
        with drill.method.restored(context, drill.parameters, drill.parts, drill.copies, drill.clock) as restored:
            stores = 2 + (restored.cache is not None)
            detail = "a fresh server of every store started from its copy"
            context.observe(Observation(name="restored", value=True, n=stores, detail=detail))
            _serve(drill, restored)
            context.progress("reconciling the restored stores")
            for part in (whole_report.reconciled, whole_report.compared):
                for observation in part(drill, restored):
                    context.observe(observation)
    except RestoreFailed as error:
        context.observe(drill_report.not_restored(str(error)))
        return
    for observation in (*whole_report.copied(drill), *_exposed(drill)):
        context.observe(observation)


def _exposed(drill: WholeDrill) -> list[Observation]:
    return [
        one for one in drill_report.exposure(drill.context, drill.parameters, None) if one.name == "exposed_rpo"
    ]  # fmt: skip


def _serve(drill: WholeDrill, restored: Restored) -> None:
    """Start the application on the restored stores, wait for a right answer, look for the documents."""
    context, clock, parts = drill.context, drill.clock, drill.parts
    assert clock is not None
    stores = [RestoredStore(service=parts.vectors.name, store=restored.vectors)]
    if parts.cache is not None and restored.cache is not None:
        stores.append(RestoredStore(service=parts.cache.name, store=restored.cache))
    clock.begin("application")
    try:
        with (
            context.stack.scratch_application(restored.database, context.deadline, stores=stores) as service,
            application_of(context.stack, service=service) as application,
        ):
            trouble = _until_right(drill, application)
            observed = [*whole_report.times(drill, trouble), *whole_report.documents(drill, application)]
    except StackError as error:
        context.deadline.check("the restored application starts")
        observed = [*whole_report.times(drill, str(error)), *whole_report.unknown_documents(str(error))]
    for observation in observed:
        context.observe(observation)


def _until_right(drill: WholeDrill, application: Application) -> str:
    """Ask until the known question is answered correctly; "" then, else why it never was."""
    assert drill.clock is not None
    drill.clock.begin("first right answer")
    limit = drill.context.deadline.within(patience_seconds(drill.context))
    try:
        limit.poll(
            lambda: answers_right(application, drill.question), every_seconds=POLL_SECONDS,
            what=f"no correct answer to {drill.question.question!r}",
        )  # fmt: skip
    except DeadlineExceeded as error:
        drill.context.deadline.check("the restored service answers")
        return str(error)
    drill.clock.end()
    drill.right = True
    return ""
