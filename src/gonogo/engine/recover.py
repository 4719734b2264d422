"""What a killed run left: heal its faults, end its processes, remove its resources. Never touches a living run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from gonogo.faults import FAULTS
from gonogo.rundir.state import PastRun, UndoRecord, dead_runs
from gonogo.stacks.cleanup import kill_marked, leftovers
from gonogo.stacks.undo import UNDOS

FAULT_PREFIX = "fault:"  # the kind of a fault's undo record: fault:<name>
OUTLIVING = ("server_settings", "ledger_schema")  # no faults, but they stay with a server that goes on


@dataclass(slots=True)
class Recovery:
    """What was found and done."""

    runs: list[str] = field(default_factory=list)  # dead runs that were dealt with
    living: list[str] = field(default_factory=list)  # runs that go on and were left alone
    undone: list[str] = field(default_factory=list)  # one sentence each
    settled: list[str] = field(default_factory=list)  # what there was nothing to undo of, and why
    problems: list[str] = field(default_factory=list)  # what could not be undone


def heal() -> Recovery:
    """Undo the faults of dead runs, and what they changed on servers that go on."""
    return _recover(_heal_run)


def clean() -> Recovery:
    """Undo the faults of dead runs, then end and remove everything that they started, and forget them."""
    return _recover(_clean_run)


def _recover(deal_with: Callable[[PastRun, Recovery], bool]) -> Recovery:
    """`deal_with` says whether nothing is left of a run."""
    found = Recovery()
    dead, found.living = dead_runs()
    for run in dead:
        found.runs.append(run.identity.run_id)
        if deal_with(run, found):
            run.forget()
        else:
            run.release()
    return found


def _heal_run(run: PastRun, found: Recovery) -> bool:
    faults = [record for record in run.open_records() if record.kind.startswith(FAULT_PREFIX)]
    for record in faults:
        _undo(run, record, found, lambda one: FAULTS.load(one.kind.removeprefix(FAULT_PREFIX)).undo(None, one.data))
    for record in run.open_records():
        if record.kind in OUTLIVING:
            _undo_kind(run, record, found)
    return not run.open_records()


def _undo_kind(run: PastRun, record: UndoRecord, found: Recovery) -> None:
    _undo(run, record, found, lambda one: UNDOS.load(one.kind).undo(one.data))


def _clean_run(run: PastRun, found: Recovery) -> bool:
    _heal_run(run, found)
    for record in run.open_records():
        if not record.kind.startswith((FAULT_PREFIX, *OUTLIVING)):  # those were tried just now
            _undo_kind(run, record, found)
    identity = run.identity
    scratch = Path(identity.scratch)
    kill_marked(identity.run_id, scratch)  # also where the journal was cut before it named them
    left = leftovers(identity.run_id, scratch)
    found.problems += [f"run {identity.run_id}: {one} is still there" for one in left]
    return not left and not run.open_records()


def _undo(run: PastRun, record: UndoRecord, found: Recovery, undo: Callable[[UndoRecord], str | None]) -> None:
    what = f"run {run.identity.run_id}: {record.kind} {_words(record)}"
    try:
        nothing = undo(record)
    except Exception as error:  # noqa: BLE001 - one record that cannot be undone must not keep the others from it
        found.problems.append(f"{what}: {str(error) or type(error).__name__}")
        return
    run.mark_undone(record)
    if nothing:
        found.settled.append(f"{what}: {nothing}")
    else:
        found.undone.append(what)


def _words(record: UndoRecord) -> str:
    for key in ("service", "name", "path", "id"):
        if key in record.data:
            return str(record.data[key])
    return record.id
