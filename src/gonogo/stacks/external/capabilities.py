"""What a stack that already runs can do for gonogo, found out by reading; and why the rest is missing."""

from __future__ import annotations

from collections.abc import Mapping

import psycopg

from gonogo.core.errors import MissingCapability
from gonogo.core.outcome import Capability
from gonogo.pg.sessions import session
from gonogo.pg.statements import EVERYTHING
from gonogo.stacks.capabilities import JSON_LOG, no_load_generator
from gonogo.stacks.external.access import NOT_OURS
from gonogo.stacks.external.database import ExternalPostgres
from gonogo.stacks.external.stack import ExternalStack
from gonogo.stacks.external.web import ExternalHttp
from gonogo.stacks.running import first_missing

SECONDS = 10.0
REASONS = {
    Capability.READ_LOGS: "the log of what gonogo did not start cannot be read",
    Capability.BACKUP_TOOLS: "gonogo runs backup tools beside servers that it started only",
    Capability.SCRATCH_POSTGRES: "the external runtime starts no scratch servers",
    Capability.SCRATCH_APPLICATION: "the external runtime starts no second application",
    Capability.PHYSICAL_RESTORE: "the external runtime starts no server from a restored data directory",
    Capability.LIMIT_DISK: "the disk of what gonogo did not start is never filled",
    Capability.LLM_CONTROL: "only gonogo's own stand-in for a model can be told to fail",
}
# What the server logs for everybody, and whether some role or database has it otherwise.
LOGS_EVERYTHING = """
SELECT bool_and(setting = wanted) AND NOT EXISTS (
         SELECT FROM pg_db_role_setting, unnest(setconfig) AS one WHERE split_part(one, '=', 1) = ANY (%(names)s))
FROM pg_settings JOIN unnest(%(names)s::text[], %(values)s::text[]) AS expected (name, wanted) USING (name)
"""
MAY_CHANGE = "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"


def find_capabilities(stack: ExternalStack) -> Mapping[Capability, str | None]:
    """Every capability with None, or why it is missing."""
    found: dict[Capability, str | None] = {one: REASONS.get(one, NOT_OURS) for one in Capability}
    database, application = _no_database(stack), _no_application(stack)
    refusal = stack.access.refusal
    found[Capability.SQL] = database
    found[Capability.APPLICATION] = application
    found[Capability.SOURCE] = _no_source(stack)
    found[Capability.WRITE] = refusal or first_missing(database, application)
    found[Capability.LOAD] = application or no_load_generator()
    found[Capability.CAPTURE] = database or _no_capture(stack)
    found[Capability.FAILOVER] = stack.hooks.missing("failover") or database or _no_standby(stack)
    found[Capability.HOOKS] = refusal or (None if stack.hooks.specs else "the stack file has no hooks:")
    found[Capability.RESTART_APPLICATION] = stack.hooks.missing("restart_application") or application
    return found


def _no_database(stack: ExternalStack) -> str | None:
    try:
        server = stack.postgres()
    except MissingCapability as error:
        return str(error)
    return server.cluster.problem() if isinstance(server, ExternalPostgres) else None


def _no_application(stack: ExternalStack) -> str | None:
    try:
        service = stack.application()
    except MissingCapability as error:
        return str(error)
    return service.problem() if isinstance(service, ExternalHttp) else None


def _no_source(stack: ExternalStack) -> str | None:
    try:
        source = stack.application().source
    except MissingCapability as error:
        return str(error)
    return None if source and source.is_dir() else "the stack file names no readable source:"


def _no_standby(stack: ExternalStack) -> str | None:
    server = stack.postgres()
    standbys = [one for one in server.standbys.values() if isinstance(one, ExternalPostgres)]
    if not standbys:
        return f"{server.name} has no standby with a dsn in the stack file"
    if not any(one.in_recovery() for one in standbys):
        return f"no standby of {server.name} answers"
    return None


def _no_capture(stack: ExternalStack) -> str | None:
    """None where the server's own log tells every statement already, or may be told to."""
    server = stack.postgres()
    wanted = {"names": list(EVERYTHING), "values": list(EVERYTHING.values())}
    try:
        with session(server.dsn(), timeout_seconds=SECONDS) as connection:
            logs = connection.execute(LOGS_EVERYTHING, wanted).fetchone()
            may_change = connection.execute(MAY_CHANGE).fetchone()
            everything = bool(logs and logs[0])
            if not everything and not stack.access.destructive:
                settings = ", ".join(f"{name} = {value}" for name, value in EVERYTHING.items())
                return f"{server.name} does not log every statement ({settings}), and its settings are not changed"
            if not everything and not (may_change and may_change[0]):
                return f"{server.name} does not log every statement, and only a superuser may have it do so"
            row = connection.execute(JSON_LOG).fetchone()
    except psycopg.Error as error:
        return f"{server.name}: the server's JSON log cannot be read: {error.diag.message_primary or error}"
    return None if row is not None and row[0] is not None else f"{server.name} writes no JSON log (jsonlog)"
