"""The self-test: every verification green on the healthy stack, and red on each of its seeded defects."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from gonogo.core.deadline import Interruption
from gonogo.core.errors import GonogoError, MissingCapability, UsageError
from gonogo.core.event import Event, StackFailed
from gonogo.core.finding import Finding
from gonogo.core.outcome import Kind, Outcome
from gonogo.engine.inputs import Inputs, RunOptions, read_inputs
from gonogo.engine.interruption import interruptible
from gonogo.engine.matrix import Matrix, Row
from gonogo.engine.plan import select
from gonogo.engine.run import Observer, run
from gonogo.engine.sabotage import sabotaged
from gonogo.judge.judgement import Judgement
from gonogo.spec.content import Verification
from gonogo.spec.defect import DefectSpec
from gonogo.stacks.start import AUTO

EXTERNAL = "external"
SIDE_BY_SIDE = 3  # stacks at a time
ALONE = {Kind.LOAD, Kind.CHAOS}  # judged by latencies and outages, which others would lengthen


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One verification with one of its defects."""

    verification: Verification
    defect: DefectSpec
    number: int
    attempt: int = 1

    @property
    def folder(self) -> str:
        """Its name among the cases."""
        return f"{self.verification.id}/{self.number}"

    @property
    def evidence(self) -> str:
        """Where the evidence of this attempt lies below the self-test's folder."""
        return self.folder if self.attempt == 1 else f"{self.folder}-again"


@dataclass(slots=True)
class Ground:
    """Where and how the cases run."""

    inputs: Inputs
    out: Path
    tell: Callable[[str], None]
    interruption: Interruption = field(default_factory=Interruption)
    healthy: dict[str, Finding] = field(default_factory=dict)
    done: int = 0
    total: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


def selftest(options: RunOptions, out: Path, tell: Callable[[str], None], *, strict: bool = False) -> Matrix:
    """Run the self-test. Raises UsageError for wrong content, and for a stack that is not gonogo's own to break.

    The run directories of the healthy run and of everything that was not proven are kept below `out`.
    """
    inputs = read_inputs(options)
    _see_that_it_is_ours(inputs)
    chosen = [inputs.verifications[one] for one, skip in select(inputs).items() if skip is None]
    cases = [
        Case(verification=one, defect=defect, number=n) for one in chosen for n, defect in enumerate(one.spec.defect, 1)
    ]
    ground = Ground(inputs=inputs, out=out, tell=tell)
    with interruptible(ground.interruption):
        ground.total = len(cases)
        _run_healthy(ground)
        rows = _run_cases(ground, cases)
        interrupted = ground.interruption.reason
    undefended = tuple(one.id for one in chosen if not one.spec.defect)
    unseen = _unseen(rows, chosen, _absent(ground.healthy))
    return Matrix(rows=rows, undefended=undefended, unseen=unseen, interrupted=interrupted, strict=strict)


def _see_that_it_is_ours(inputs: Inputs) -> None:
    """Nothing is broken but copies that gonogo starts and ends itself."""
    runtime = inputs.options.runtime if inputs.options.runtime != AUTO else inputs.stack.spec.runtime
    if runtime == EXTERNAL:
        raise UsageError(
            f"{inputs.stack.path}: selftest breaks the stack on purpose, and this one (runtime: external) already "
            "runs: give --runtime docker or embedded, and the services image:, build: or command:, for a copy of it"
        )


def _unseen(
    rows: Sequence[Row], chosen: Sequence[Verification], absent: Collection[tuple[str, str]]
) -> tuple[tuple[str, str], ...]:
    """What is green here although no defect that this stack can have would turn it red."""
    green = {row.id for row in rows if row.healthy == Outcome.PASS.value}
    tried = {(row.id, name) for row in rows if row.shown for name in row.fails}
    named = ((one.id, name) for one in chosen if one.id in green for name in one.spec.expectations())
    return tuple(pair for pair in named if pair not in tried and pair not in absent)


def _absent(healthy: Mapping[str, Finding]) -> set[tuple[str, str]]:
    """(verification, expectation) of what this stack has nothing of: no defect can turn it red."""
    return {
        (identifier, one.observation)
        for identifier, finding in healthy.items()
        for one in finding.expectations
        if one.outcome is Outcome.SKIPPED
    }


def _run_healthy(ground: Ground) -> None:
    ground.tell("the healthy stack")
    options = replace(ground.inputs.options, out=ground.out / "healthy", command="gonogo selftest")
    result = run(options, Observer(), ground.interruption)
    ground.healthy = {finding.id: finding for finding in result.judgement.findings}
    for finding in result.judgement.findings:
        if finding.outcome in {Outcome.FAIL, Outcome.UNKNOWN}:
            ground.tell(f"not green on the healthy stack: {finding.id}: {finding.outcome}: {finding.reason}")
    if not result.judgement.findings:
        ground.tell(result.judgement.headline)


def _run_cases(ground: Ground, cases: Sequence[Case]) -> tuple[Row, ...]:
    """Checks and drills side by side, what latency decides alone; the rows in the order of the cases."""
    rows: dict[str, Row] = {}
    together = [case for case in cases if case.verification.kind not in ALONE]
    with ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="selftest") as pool:
        for case, row in zip(together, pool.map(lambda case: _row(ground, case), together), strict=True):
            rows[case.folder] = row
    for case in cases:
        if case.folder not in rows:
            rows[case.folder] = _row(ground, case)
    for case in cases:
        if rows[case.folder].undecided:
            again = _row(ground, replace(case, attempt=2))
            rows[case.folder] = again if again.counts else rows[case.folder]  # interrupted: the first one stays
    return tuple(rows[case.folder] for case in cases)


def _row(ground: Ground, case: Case) -> Row:
    healthy = ground.healthy.get(case.verification.id)
    outcome = healthy.outcome.value if healthy else Outcome.UNKNOWN.value
    reason = healthy.reason if healthy else "the healthy run did not get to it"
    absent = [name for identifier, name in _absent(ground.healthy) if identifier == case.verification.id]
    row = Row(
        id=case.verification.id, healthy=outcome, defect="", defect_name=case.defect.name,
        fails=tuple(name for name in case.defect.fails if name not in absent), red=(), reason=reason,
    )  # fmt: skip
    if outcome == Outcome.PASS.value and not row.fails:
        row = replace(row, reason=f"this stack has nothing of what it would turn red: {', '.join(case.defect.fails)}")
    elif outcome in {Outcome.FAIL.value, Outcome.UNKNOWN.value}:
        not_green = healthy is not None and not ground.interruption.is_set
        row = replace(row, not_green=not_green, reason=f"{outcome} without any defect: {reason}")
    elif outcome == Outcome.PASS.value and not ground.interruption.is_set:
        row = _tried(ground, case, row)
    if row.proven or not row.counts:  # nobody looks at it again, and there are many
        shutil.rmtree(ground.out / case.evidence, ignore_errors=True)
    with ground.lock:
        ground.done += case.attempt == 1
        ground.tell(_told(ground, case, row))
    return row


def _told(ground: Ground, case: Case, row: Row) -> str:
    """One line for people about a case that has ended."""
    word = "proven" if row.proven else "NOT PROVEN" if row.counts else "not shown"
    place = f"{ground.done}/{ground.total}" if case.attempt == 1 else "again"
    note = f": {row.reason}" if row.reason and not row.proven else ""
    return f"{place} {word}  {row.id}  [{row.defect_name}]{note}"


def _tried(ground: Ground, case: Case, row: Row) -> Row:
    base = replace(
        ground.inputs.options, only=(case.verification.id,), kinds=(), skip=(), out=ground.out / case.evidence,
        command="gonogo selftest", keep_up=False,
    )  # fmt: skip
    refused: list[str] = []

    def hear(_at: float, event: Event) -> None:
        if isinstance(event, StackFailed) and event.unsupported:
            refused.append(event.reason)

    try:
        options = sabotaged(base, case.defect, ground.inputs.stack, ground.out / "sources" / case.evidence)
        result = run(options, Observer(event=hear), ground.interruption)
    except MissingCapability as error:
        return replace(row, reason=str(error))
    except GonogoError as error:
        return replace(row, defect=Outcome.UNKNOWN.value, reason=str(error))
    if refused:
        return replace(row, reason=refused[0])
    return _judged(row, case, result.judgement)


def _judged(row: Row, case: Case, judgement: Judgement) -> Row:
    finding = next((one for one in judgement.findings if one.id == case.verification.id), None)
    if finding is None or finding.outcome is Outcome.SKIPPED:
        return replace(row, defect=Outcome.UNKNOWN.value, reason=finding.reason if finding else judgement.headline)
    red = tuple(one.observation for one in finding.expectations if one.outcome is Outcome.FAIL)
    missed = [one for one in finding.expectations if one.observation in row.fails and one.outcome is not Outcome.FAIL]
    return replace(
        row,
        defect=finding.outcome.value,
        red=red,
        reason=_missing(row.fails, finding, judgement.harness_errors),
        undecided=not set(row.fails) <= set(red) and all(one.outcome is Outcome.UNKNOWN for one in missed),
    )


def _missing(fails: Sequence[str], finding: Finding, errors: Sequence[str]) -> str:
    """What the named expectations came to instead of FAIL, "" when all are red."""
    outcomes = {one.observation: one for one in finding.expectations}
    notes = [
        f"{name} is {outcomes[name].outcome} ({outcomes[name].actual})"
        if name in outcomes
        else f"{name} was not judged"
        for name in fails
        if name not in outcomes or outcomes[name].outcome is not Outcome.FAIL
    ]
    if notes and finding.outcome is Outcome.UNKNOWN:
        notes.append(finding.reason)
    return "; ".join([*notes, *(errors if notes else ())])
