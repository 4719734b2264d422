"""The application's own migrations, run where nothing can be lost: on an empty database, or on a copy of the data."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from gonogo.core.errors import MissingCapability, NotMeasurable, StackError
from gonogo.core.observation import Observation
from gonogo.core.outcome import Capability
from gonogo.spec.base import Spec
from gonogo.stacks.fresh import database_beside, drop_empty_database
from gonogo.stacks.interfaces import PostgresServer, Role, ScratchRequest

if TYPE_CHECKING:
    from gonogo.pg.fingerprint import Difference, Fingerprint
    from gonogo.pg.sessions import Connection
    from gonogo.stacks.context import Context

    Taking = Callable[[Connection], Fingerprint]

COMMAND_SECONDS = 120.0
READ_SECONDS = 120.0
SHOWN = 5
# What administrators make, not migrations. What a restore must bring back of it, the restore drills say.
NOT_OF_MIGRATIONS = (
    "setting", "extension", "owner of database", "grants of database", "locale of database", "large object",
    "owner of large object", "grants of large object", "publication", "owner of publication", "subscription",
)  # fmt: skip
ROWS = ("table", "sequence")


class MigrationsRehearsedParameters(Spec):
    """`from_nothing` migrates an empty database. `back_and_forth` takes the newest migration back on a copy, and again.

    The commands are those of the stack file: `migrate` and `downgrade` of the application.
    """

    way: Literal["from_nothing", "back_and_forth"]


class MigrationsRehearsedProbe:
    """A probe. The database itself is only read; the scratch server is removed at the end."""

    parameters = MigrationsRehearsedParameters
    needs = frozenset({Capability.SQL, Capability.SCRATCH_POSTGRES, Capability.SCRATCH_APPLICATION})

    def observe(self, context: Context, parameters: MigrationsRehearsedParameters) -> Iterable[Observation]:
        """Whether the commands went well (`migrated`, `went_back`, `went_forth`), and what is not as it should be."""
        way = _from_nothing if parameters.way == "from_nothing" else _back_and_forth
        request = ScratchRequest(name=f"migrations-{parameters.way.replace('_', '-')}")
        with context.stack.scratch_postgres(request, context.deadline) as target:
            yield from way(context, target)


PROBE = MigrationsRehearsedProbe()


def _from_nothing(context: Context, target: PostgresServer) -> Iterator[Observation]:
    """`migrated`, and `drift`: what the database has that its migrations do not make, and the other way round."""
    _extensions(context, target)
    trouble = _run(context, target, "migrate")
    yield Observation(name="migrated", value=not trouble, n=1, detail=trouble)
    if trouble:
        return
    from gonogo.pg.fingerprint import compare, take_definitions  # noqa: PLC0415 - planning needs no database driver

    made, there = (_definitions(server, take_definitions) for server in (target, context.stack.postgres()))
    found = [one for one in compare(made, there) if one.kind not in NOT_OF_MIGRATIONS]
    yield _listed("drift", found, made.things, "what migrations made of an empty database, against this one")


def _back_and_forth(context: Context, target: PostgresServer) -> Iterator[Observation]:
    """`went_back`, `changed_by_it`, `went_forth`, `lost_rows`, `differs_afterwards`."""
    from gonogo.pg.fingerprint import compare, take_fingerprint  # noqa: PLC0415 - see above

    _copy(context, target)
    before = _definitions(target, take_fingerprint)
    trouble = _run(context, target, "downgrade")
    yield Observation(name="went_back", value=not trouble, n=1, detail=trouble)
    if trouble:
        return
    between = _definitions(target, take_fingerprint)
    changed = [one for one in compare(before, between) if one.kind != "table" or one.what.startswith("missing")]
    yield Observation(
        name="changed_by_it", value=len(changed), unit="count", n=before.things, detail=_sentences(changed)
    )
    trouble = _run(context, target, "migrate")
    yield Observation(name="went_forth", value=not trouble, n=1, detail=trouble)
    if trouble:
        return
    differences = compare(before, _definitions(target, take_fingerprint))
    rows = [one for one in differences if one.kind in ROWS]
    rest = [one for one in differences if one.kind not in ROWS]
    yield _listed("lost_rows", rows, before.rows, f"of {before.rows} rows in a copy of the data")
    yield _listed("differs_afterwards", rest, before.things, "definitions before and after")


def _listed(name: str, differences: Sequence[Difference], n: int, what: str) -> Observation:
    return Observation(
        name=name, value=tuple(map(str, differences)), n=n, detail=_sentences(differences) or f"equal: {what}"
    )


def _sentences(differences: Sequence[Difference]) -> str:
    more = f" and {len(differences) - SHOWN} more" if len(differences) > SHOWN else ""
    return "; ".join(map(str, differences[:SHOWN])) + more


def _run(context: Context, target: PostgresServer, what: str) -> str:
    """Run a command of the application on the scratch database; returns what went wrong, "" where nothing did."""
    command = _command(context, what)
    try:
        context.stack.run_application(what, command, target, context.deadline.within(COMMAND_SECONDS))
    except StackError as error:
        context.deadline.check(f"{what} ends")
        return str(error)
    return ""


def _command(context: Context, what: str) -> tuple[str, ...]:
    """A command of the application's service in the stack file. Raises MissingCapability."""
    service = context.stack.spec.contract.service
    declared = context.stack.spec.services[service].model_extra or {}
    command = declared.get(what)
    if not command:
        raise MissingCapability(f"services.{service} names no {what}: command")
    return tuple(map(str, command))


def _definitions(server: PostgresServer, take: Taking) -> Fingerprint:
    from gonogo.pg.sessions import session  # noqa: PLC0415 - see above

    with session(server.dsn(Role.ADMIN), timeout_seconds=READ_SECONDS) as connection:
        for name in ("idle_in_transaction_session_timeout", "transaction_timeout"):
            connection.execute("SELECT set_config(name, '0', false) FROM pg_settings WHERE name = %s", [name])
        return take(connection)


def _extensions(context: Context, target: PostgresServer) -> None:
    """What an administrator gives an empty database before its owner migrates it."""
    from psycopg import sql  # noqa: PLC0415 - see above

    from gonogo.pg.sessions import session  # noqa: PLC0415 - see above

    names = [name.removeprefix("extension ") for name in context.facts.versions if name.startswith("extension ")]
    with session(target.dsn(Role.ADMIN), timeout_seconds=READ_SECONDS) as connection:
        for name in names:
            connection.execute(sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(name)))


def _copy(context: Context, target: PostgresServer) -> None:
    """The database with all its rows. Raises NotMeasurable where it cannot be copied."""
    source = context.stack.postgres()
    with tempfile.TemporaryDirectory(prefix="migrations-", dir=context.stack.scratch) as folder:
        path = Path(folder) / "copy"
        path.touch(mode=0o600)  # before the tool creates it for everybody to read
        _tool(context, source, "pg_dump", ["--format=custom", "--compress=none", f"--file={path}"])
        drop_empty_database(target)
        made = f"--dbname={database_beside(target)}"
        _tool(context, target, "pg_restore", ["--create", "--exit-on-error", made, str(path)])


def _tool(context: Context, server: PostgresServer, name: str, arguments: Sequence[str]) -> None:
    done = server.tool(name, arguments, deadline=context.deadline)
    if done.exit_code:
        raise NotMeasurable(f"the data cannot be copied: {name} failed: {done.stderr.strip()[-300:]}")
