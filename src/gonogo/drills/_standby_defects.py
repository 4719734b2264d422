"""Ways in which standbys go wrong, on purpose: the drill has to notice each. The stack is a throw-away one."""

# ruff: noqa: S608 - tables and columns as the catalogue quotes them

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from gonogo.core.errors import DeadlineExceeded, NotMeasurable
from gonogo.drills import Artefact
from gonogo.drills._pg_dump_defects import ledger_row_missing_at_the_source
from gonogo.stacks.context import Context
from gonogo.stacks.interfaces import PostgresServer, Role

if TYPE_CHECKING:
    from gonogo.drills.standby_promoted import StandbyPromotedParameters

Defect = Callable[[Context, Artefact, "StandbyPromotedParameters"], Artefact]

FOLLOWS = "SELECT count(*) FROM pg_stat_wal_receiver"
IN_RECOVERY = "SELECT pg_is_in_recovery()::integer"
PATIENCE_SECONDS = 15.0
POLL_SECONDS = 0.01


def replay_paused(context: Context, artefact: Artefact, parameters: StandbyPromotedParameters) -> Artefact:
    """Somebody paused the replay and forgot it: it receives everything, and answers with yesterday's rows."""
    _execute(_standby(context, artefact, parameters), ["SELECT pg_wal_replay_pause()"])
    return artefact


def receiver_dead(context: Context, artefact: Artefact, parameters: StandbyPromotedParameters) -> Artefact:
    """The standby was cut off; its primary was told not to wait for it, and acknowledges what nobody else has."""
    standby = _standby(context, artefact, parameters)
    _not_waited_for(context, parameters)
    _execute(standby, ["ALTER SYSTEM SET primary_conninfo = ''", "SELECT pg_reload_conf()"])
    _await_none(context, standby, FOLLOWS)
    return artefact


def standby_dead(context: Context, artefact: Artefact, parameters: StandbyPromotedParameters) -> Artefact:
    """It died, and nobody noticed."""
    _not_waited_for(context, parameters)
    _standby(context, artefact, parameters).kill()
    return artefact


def on_a_timeline_of_its_own(context: Context, artefact: Artefact, parameters: StandbyPromotedParameters) -> Artefact:
    """Somebody promoted it long ago and wrote to it: another database since then."""
    _went_its_own_way(context, artefact, parameters, [_other_vector(context)])
    return artefact


def application_locked_out(context: Context, artefact: Artefact, parameters: StandbyPromotedParameters) -> Artefact:
    """The same, and the application's role may not log in there."""
    role = _standby(context, artefact, parameters).role_name(Role.APPLICATION)
    _went_its_own_way(context, artefact, parameters, [f'ALTER ROLE "{role}" NOLOGIN'])
    return artefact


def ledger_row_missing(context: Context, artefact: Artefact, parameters: StandbyPromotedParameters) -> Artefact:
    """An acknowledged row is gone although later ones are there: replayed as it was deleted."""
    ledger_row_missing_at_the_source(context, parameters.service)
    return artefact


def _standby(context: Context, artefact: Artefact, parameters: StandbyPromotedParameters) -> PostgresServer:
    from gonogo.drills.standby_promoted import standby_of  # noqa: PLC0415 - it names these defects

    return standby_of(context, parameters, artefact)


def _not_waited_for(context: Context, parameters: StandbyPromotedParameters) -> None:
    """Commits wait for no standby any more: else nothing would be acknowledged without it."""
    statements = ["ALTER SYSTEM SET synchronous_standby_names = ''", "SELECT pg_reload_conf()"]
    _execute(context.stack.postgres(parameters.service), statements)


def _went_its_own_way(
    context: Context, artefact: Artefact, parameters: StandbyPromotedParameters, statements: Sequence[str]
) -> None:
    standby = _standby(context, artefact, parameters)
    _not_waited_for(context, parameters)
    _execute(standby, ["SELECT pg_promote(wait => false)"])
    _await_none(context, standby, IN_RECOVERY)
    _execute(standby, statements)


def _other_vector(context: Context) -> str:
    """One row gets another row's vector: every count is right."""
    from gonogo.drills._pg_basebackup_defects import searched_table  # noqa: PLC0415 - for the self-test alone

    table = searched_table(context)
    first = f"SELECT ctid FROM {table.name} ORDER BY ctid LIMIT 1"
    last = f"SELECT {table.vector} FROM {table.name} ORDER BY ctid DESC LIMIT 1"
    return f"UPDATE {table.name} SET {table.vector} = ({last}) WHERE ctid = ({first})"


def _execute(server: PostgresServer, statements: Sequence[str]) -> None:
    """In the stack's own database. Raises NotMeasurable."""
    import psycopg  # noqa: PLC0415 - planning need not pay for the driver

    from gonogo.pg.sessions import session  # noqa: PLC0415 - needs the driver

    try:
        with session(server.dsn(Role.ADMIN), synchronous_commit="local") as connection:
            for statement in statements:
                connection.execute(statement.encode())
    except psycopg.Error as error:
        raise NotMeasurable(f"{server.name} could not be broken: {error}") from error


def _await_none(context: Context, server: PostgresServer, statement: str) -> None:
    """Until the query counts nothing any more. Raises NotMeasurable."""
    from gonogo.pg.sessions import session  # noqa: PLC0415 - planning need not pay for the driver

    with session(server.dsn(database="postgres")) as connection:
        try:
            context.deadline.within(PATIENCE_SECONDS).poll(
                lambda: connection.execute(statement.encode()).fetchone() == (0,),
                every_seconds=POLL_SECONDS,
                what=f"{server.name} is broken",
            )
        except DeadlineExceeded as error:
            raise NotMeasurable(str(error)) from error


DEFECTS: dict[str, Defect] = {
    defect.__name__: defect
    for defect in (
        replay_paused,
        receiver_dead,
        standby_dead,
        on_a_timeline_of_its_own,
        application_locked_out,
        ledger_row_missing,
    )
}
