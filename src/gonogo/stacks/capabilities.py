"""What a stack of our own can do, found out by trying."""

from __future__ import annotations

import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import psycopg

from gonogo.core.deadline import Deadline
from gonogo.core.errors import GonogoError, MissingCapability
from gonogo.core.outcome import Capability
from gonogo.pg.sessions import session
from gonogo.stacks.interfaces import FileStore, HttpService, PostgresServer, limited_disk
from gonogo.stacks.running import RunningStack, first_missing
from gonogo.stacks.sqlserver import SqlServer

TOOL_SECONDS = 20.0
STREAMING = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
JSON_LOG = "SELECT length(pg_read_file(pg_current_logfile('jsonlog'), 0, 1000))"


def find_capabilities(stack: RunningStack) -> dict[Capability, str | None]:
    """Every capability with None, or why it is missing."""
    database = _database(stack)
    application = _application(stack)
    no_database = database if isinstance(database, str) else None
    no_application = application if isinstance(application, str) else None
    found: dict[Capability, str | None] = dict.fromkeys(
        (Capability.SQL, Capability.KILL, Capability.PAUSE, Capability.SCRATCH_POSTGRES), no_database
    )
    found[Capability.PHYSICAL_RESTORE] = first_missing(no_database, stack.no_physical_restore)
    found[Capability.LIMIT_DISK] = no_database or _no_limited_disk(database)
    found[Capability.PROMOTE] = no_database or _no_standby(database)
    found[Capability.FAILOVER] = first_missing(found[Capability.KILL], found[Capability.PROMOTE])
    found[Capability.HOOKS] = "gonogo breaks what it started by itself; hooks: are for the external runtime"
    found[Capability.CAPTURE] = no_database or _no_json_log(database)
    found[Capability.BACKUP_TOOLS] = no_database or _no_tools(database)
    found[Capability.APPLICATION] = found[Capability.RESTART_APPLICATION] = no_application
    found[Capability.SCRATCH_APPLICATION] = first_missing(no_application, no_database)
    found[Capability.SCRATCH_REDIS] = _no_scratch_store(stack, "redis")
    found[Capability.SCRATCH_CHROMA] = _no_scratch_store(stack, "chroma")
    found[Capability.SOURCE] = no_application or _no_source(application)
    found[Capability.WRITE] = no_application
    found[Capability.READ_LOGS] = None
    found[Capability.LLM_CONTROL] = _no_llm(stack)
    found[Capability.LOAD] = no_application or no_load_generator()
    return found


def _database(stack: RunningStack) -> PostgresServer | str:
    try:
        server = stack.postgres()
    except MissingCapability as error:
        return str(error)
    return server if isinstance(server, SqlServer) else f"{server.name} was not started by gonogo"


def _application(stack: RunningStack) -> HttpService | str:
    try:
        return stack.application()
    except MissingCapability as error:
        return str(error)


def _no_standby(server: PostgresServer | str) -> str | None:
    assert not isinstance(server, str)
    if not server.standbys:
        return f"{server.name} has no standby"
    with session(server.dsn(), timeout_seconds=10) as connection:
        row = connection.execute(STREAMING).fetchone()
    return None if row and row[0] else f"no standby of {server.name} streams"


def _no_limited_disk(server: PostgresServer | str) -> str | None:
    assert not isinstance(server, str)
    disk = limited_disk(server)
    return disk.missing if disk is not None else f"the runtime gives {server.name} no disk of a limited size"


def _no_scratch_store(stack: RunningStack, kind: str) -> str | None:
    found = [service for service in stack.services.values() if service.kind == kind]
    if not found:
        return f"the stack runs no {kind} service"
    if not stack.starts_stores or not any(isinstance(one, FileStore) for one in found):
        return f"no second {kind} can be started from copied files here: that takes one which gonogo starts itself"
    return None


def _no_json_log(server: PostgresServer | str) -> str | None:
    assert not isinstance(server, str)
    try:
        with session(server.dsn(), timeout_seconds=10) as connection:
            row = connection.execute(JSON_LOG).fetchone()
    except psycopg.Error as error:
        return f"the log of {server.name} cannot be read through SQL: {error.diag.message_primary or error}"
    return None if row and row[0] is not None else f"{server.name} writes no JSON log (PostgreSQL 15 or later does)"


def _no_tools(server: PostgresServer | str) -> str | None:
    assert not isinstance(server, str)
    for tool in ("pg_dump", "pg_restore"):
        try:
            done = server.tool(tool, ["--version"], deadline=Deadline.after(TOOL_SECONDS))
        except GonogoError as error:
            return str(error)
        if done.exit_code:
            return f"{tool} of {server.name} does not work: {(done.stderr or done.stdout).strip()}"
    return None  # the same installation as the server: the versions fit


def _no_source(application: HttpService | str) -> str | None:
    assert not isinstance(application, str)
    if application.source is None:
        return f"the stack file names no source: of {application.name}"
    readable = application.source.is_dir() and os.access(application.source, os.R_OK)
    return None if readable else f"the source {application.source} cannot be read"


def _no_llm(stack: RunningStack) -> str | None:
    try:
        stack.llm()
    except MissingCapability as error:
        return str(error)
    return None


def no_load_generator() -> str | None:
    """Why no load can be made; None where it can."""
    beside = Path(sys.executable).with_name("locust")
    there = find_spec("locust") or beside.is_file() or shutil.which("locust")
    return None if there else "no load generator: install gonogo[load]"
