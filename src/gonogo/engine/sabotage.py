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
from gonogo.core.errors import HarnessError, MissingCapability, UnsupportedStack, UsageError
from gonogo.core.facts import Facts
from gonogo.engine.discover import data_references, stack_references
from gonogo.engine.inputs import RunOptions
from gonogo.engine.placing import placed, server_name, service_name
from gonogo.pg.sessions import session
from gonogo.spec.defect import DefectSpec, FileEdit
from gonogo.spec.loader import Loaded
from gonogo.spec.references import lookup_in, substitute
from gonogo.spec.stack import StackSpec
from gonogo.stacks.interfaces import HttpService, Role, Stack

WRAPPER = "{module}_defects"
NOT_COPIED = ("__pycache__", ".git", ".venv", "venv", "node_modules")
STATEMENT_SECONDS = 60.0
RESTART_SECONDS = 60.0
NOT_THERE = {"42P01", "42703", "42704", "42883", "3F000"}  # table, column, object, function, schema: undefined


def sabotaged(options: RunOptions, defect: DefectSpec, stack: Loaded[StackSpec], folder: Path) -> RunOptions:
    """The options of a run with one defect; `folder` takes an edited copy of the source.

    Raises MissingCapability for a defect that this stack cannot have.
    """
    spec, data = stack.spec, stack.document.data
    match defect.means:
        case "sql":
            server_name(spec, defect.on)
            return replace(options, sql_defect=defect)
        case "reference":
            changes = _by_name(spec, stack.path.parent, cast("str", defect.reference))
            return replace(options, stack_changes=changes)
        case "stack":
            return replace(options, stack_changes=placed(spec, data, defect.stack or {}))
        case "llm":
            return replace(options, stack_changes={f"services.{service_name(spec, 'llm')}.behaviour": defect.llm})
        case "fault":
            return replace(options, fault_changes=defect.fault or {})
        case "with":
            return replace(options, with_changes=defect.with_ or {})
        case "objectives":
            return replace(options, objective_changes=defect.objectives or {})
        case "artefact":
            return replace(options, artefact_defect=defect.artefact)
        case _:
            return replace(options, application_source=_edited_source(stack, defect.files or {}, folder))


def _by_name(stack: StackSpec, folder: Path, name: str) -> dict[str, Any]:
    """The application's command with a wrapper in the place of its module.

    The wrapper of `python -m MODULE` is the package that the service's `defects:` names, else MODULE_defects, in the
    folder that the command runs in. Each file in its folder `defects` is one defect.
    """
    application = service_name(stack, "app")
    keys = stack.services[application].model_extra or {}
    command = [str(part) for part in keys.get("command") or ()]
    if "-m" not in command[:-1]:
        raise MissingCapability(f"{application} is not started as python -m MODULE, so no defect by name fits it")
    place = command.index("-m") + 1
    wrapper = str(keys.get("defects") or WRAPPER.format(module=command[place].partition(".")[0]))
    known = folder / str(keys.get("workdir") or ".") / wrapper / "defects"
    if not known.is_dir():
        raise MissingCapability(f"there is no {wrapper} that would give {command[place]} defects by name")
    if not (known / f"{name}.py").is_file():
        raise MissingCapability(f"{wrapper} has no defect {name}")
    changed = [*command[:place], wrapper, "--enable-defects", name, *command[place + 1 :]]
    return {f"services.{application}.command": changed}


def _edited_source(stack: Loaded[StackSpec], edits: Mapping[str, FileEdit], folder: Path) -> Path:
    """A copy of the application's source with the edits made."""
    keys = stack.spec.services[service_name(stack.spec, "app")].model_extra or {}
    source = keys.get("source")
    if not source:
        raise MissingCapability("the stack file names no source: of the application")
    original = (stack.path.parent / str(source)).resolve()
    if not original.is_dir():
        raise MissingCapability(f"the application's source {source} is no folder")
    copy = folder / original.name
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(original, copy, ignore=shutil.ignore_patterns(*NOT_COPIED), symlinks=True)
    for name, edit in edits.items():
        _edit(copy, name, edit)
    return copy


def _edit(source: Path, name: str, edit: FileEdit) -> None:
    """Raises MissingCapability for an edit of what is not there."""
    path = source / name
    if edit.append is None and not path.is_file():
        raise MissingCapability(f"the application's source has no {name}")
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
        raise MissingCapability(f"nothing in the source's {name} is what the defect changes")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(after)


def apply_sql(defect: DefectSpec, stack: Stack, facts: Facts, deadline: Deadline) -> None:
    """Run the defect's statements, each on its own.

    Raises UnsupportedStack where the database has not what they change, HarnessError when one fails otherwise.
    """
    try:
        _run_sql(defect, stack, facts)
        if defect.reconnect:
            name = service_name(stack.spec, defect.reconnect)
            service = stack.services.get(name)
            if not isinstance(service, HttpService):
                raise HarnessError(f"reconnect: {name} is no service that can be restarted")
            service.restart(deadline.within(RESTART_SECONDS))
    except MissingCapability as error:
        raise UnsupportedStack(str(error)) from error


def _run_sql(defect: DefectSpec, stack: Stack, facts: Facts) -> None:
    lookup = lookup_in({**data_references(facts), **stack_references(stack)})
    server = stack.postgres(server_name(stack.spec, defect.on))
    with session(server.dsn(Role(defect.role)), timeout_seconds=STATEMENT_SECONDS) as connection:
        for statement in (defect.sql,) if isinstance(defect.sql, str) else defect.sql or ():
            try:
                text = substitute(statement, lookup)
            except UsageError as error:
                raise MissingCapability(f"the stack has not what the defect changes: {error}") from error
            try:
                connection.execute(text.encode())
            except psycopg.Error as error:
                if error.sqlstate in NOT_THERE:
                    what = error.diag.message_primary
                    raise MissingCapability(f"the database has not what the defect changes: {what}") from error
                raise HarnessError(f"the defect's SQL does not work: {text}: {error}") from error
