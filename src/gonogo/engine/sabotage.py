"""Seeded defects: what a run is asked to do so that a verification must turn red."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import psycopg

from gonogo.core.deadline import Deadline
from gonogo.core.errors import HarnessError, MissingCapability, UsageError
from gonogo.core.facts import Facts
from gonogo.engine.discover import data_references
from gonogo.engine.inputs import RunOptions
from gonogo.pg.sessions import session
from gonogo.spec.defect import DefectSpec, FileEdit
from gonogo.spec.references import lookup_in, substitute
from gonogo.spec.stack import StackSpec
from gonogo.stacks.interfaces import HttpService, Role, Stack

REFERENCE = "reference_rag"
DEFECTS = "reference_rag_defects"
STATEMENT_SECONDS = 60.0
RESTART_SECONDS = 60.0


def sabotaged(options: RunOptions, defect: DefectSpec, stack: StackSpec, stack_path: Path, folder: Path) -> RunOptions:
    """The options of a run with one defect; `folder` takes an edited copy of the source.

    Raises MissingCapability for a defect that this stack cannot have.
    """
    match defect.means:
        case "sql":
            return replace(options, sql_defect=defect)
        case "reference":
            return replace(options, stack_changes=_reference(stack, cast("str", defect.reference)))
        case "stack":
            return replace(options, stack_changes=dict(defect.stack or {}))
        case "llm":
            return replace(options, stack_changes={f"services.{_stub(stack)}.behaviour": defect.llm})
        case "fault":
            return replace(options, fault_changes=defect.fault or {})
        case "with":
            return replace(options, with_changes=defect.with_ or {})
        case "objectives":
            return replace(options, objective_changes=defect.objectives or {})
        case "artefact":
            return replace(options, artefact_defect=defect.artefact)
        case _:
            return replace(options, application_source=_edited_source(stack, stack_path, defect.files or {}, folder))


def _reference(stack: StackSpec, name: str) -> dict[str, Any]:
    """The application's command with the wrapper in the place of the reference service."""
    service = stack.services.get(stack.contract.service)
    command = list((service.model_extra or {}).get("command", ())) if service else []
    if REFERENCE not in command:
        raise MissingCapability("only the reference service has defects by name")
    changed = [DEFECTS if part == REFERENCE else part for part in command]
    return {f"services.{stack.contract.service}.command": [*changed, "--enable-defects", name]}


def _stub(stack: StackSpec) -> str:
    for name, service in stack.services.items():
        if service.kind == "openai_stub":
            return name
    raise MissingCapability("the stack runs no LLM stub")


def _edited_source(stack: StackSpec, stack_path: Path, edits: Mapping[str, FileEdit], folder: Path) -> Path:
    """A copy of the application's source with the edits made. Raises UsageError for an edit that changes nothing."""
    service = stack.services.get(stack.contract.service)
    source = (service.model_extra or {}).get("source") if service else None
    if not source:
        raise MissingCapability("the stack file names no source: of the application")
    original = (stack_path.parent / str(source)).resolve()
    copy = folder / original.name
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(original, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for name, edit in edits.items():
        _edit(copy / name, edit)
    return copy


def _edit(path: Path, edit: FileEdit) -> None:
    if edit.delete:
        path.unlink()
        return
    before = path.read_text() if path.is_file() else ""
    after = before
    if edit.replace is not None:
        after = re.sub(edit.replace, edit.by, before, flags=re.MULTILINE)
    if edit.append is not None:
        after += edit.append
    if after == before:
        raise UsageError(f"the defect's edit of {path.name} changes nothing")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(after)


def apply_sql(defect: DefectSpec, stack: Stack, facts: Facts, deadline: Deadline) -> None:
    """Run the defect's statements, each on its own. Raises HarnessError when one cannot be run."""
    lookup = lookup_in({**data_references(facts), **stack.references})
    statements = (defect.sql,) if isinstance(defect.sql, str) else defect.sql or ()
    server = stack.postgres(defect.on)
    with session(server.dsn(Role(defect.role)), timeout_seconds=STATEMENT_SECONDS) as connection:
        for statement in statements:
            text = substitute(statement, lookup)
            try:
                connection.execute(text.encode())
            except psycopg.Error as error:
                raise HarnessError(f"the defect's SQL does not work: {text}: {error}") from error
    if defect.reconnect:
        service = stack.services.get(defect.reconnect)
        if not isinstance(service, HttpService):
            raise HarnessError(f"reconnect: {defect.reconnect} is no service that can be restarted")
        service.restart(deadline.within(RESTART_SECONDS))
