"""Logical backup: pg_dump as plain SQL, restored by psql."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gonogo.drills import Artefact, Phases, RestoreFailed, words
from gonogo.drills.pg_dump import NEEDS, DumpParameters, build_options, dump
from gonogo.stacks.fresh import database_beside, drop_empty_database

if TYPE_CHECKING:
    from gonogo.stacks.context import Context
    from gonogo.stacks.interfaces import PostgresServer

LAST_LINE = b"-- PostgreSQL database dump complete"
LAST_BYTES = 4096


class PgDumpPlainParameters(DumpParameters):
    """How the backup is made and restored, as the team does it."""

    format: Literal["plain"] = "plain"
    compression: Literal["none"] = "none"


class PgDumpPlain:
    """A drill method."""

    parameters = PgDumpPlainParameters
    needs = NEEDS

    def backup(
        self, context: Context, parameters: PgDumpPlainParameters, source: PostgresServer, folder: Path
    ) -> Artefact:
        """Dump the database. Raises RestoreFailed when there is no dump: then there is nothing to restore."""
        return dump(context, parameters, source, folder / "dump.sql")

    def restore(
        self,
        context: Context,
        parameters: PgDumpPlainParameters,
        artefact: Artefact,
        target: PostgresServer,
        phases: Phases,
    ) -> None:
        """Everything in the order of the file, vector indexes included. Raises RestoreFailed.

        psql takes the end of the file for the end of a COPY and exits with 0: a dump that was cut between two rows
        would restore without a word, so that its last line is looked for first.
        """
        phases.begin("pre-check")
        _require_whole(artefact.path)
        phases.begin("SQL")
        if parameters.create:
            drop_empty_database(target)
        result = target.tool("psql", _arguments(context, parameters, artefact, target), deadline=context.deadline)
        if result.stderr:
            context.recorder.artifact("psql.log", result.stderr)
        if result.exit_code:
            raise RestoreFailed(f"psql failed: {words(result)}")

    def artefact_defects(self) -> dict[str, Any]:
        """The ways to break a dump."""
        from gonogo.drills._pg_dump_defects import PLAIN_DEFECTS  # noqa: PLC0415 - for the self-test alone

        return dict(PLAIN_DEFECTS)


METHOD = PgDumpPlain()


def _arguments(
    context: Context, parameters: PgDumpPlainParameters, artefact: Artefact, target: PostgresServer
) -> Sequence[str]:
    from psycopg.conninfo import make_conninfo  # noqa: PLC0415 - planning need not pay for the driver

    database = database_beside(target) if parameters.create else target.database
    connection = make_conninfo(dbname=database, options=build_options(context, parameters))
    quiet = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--output=/dev/null"]
    return [*quiet, f"--dbname={connection}", f"--file={artefact.path}"]


def _require_whole(path: Path) -> None:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - LAST_BYTES))
        if LAST_LINE not in file.read():
            raise RestoreFailed("the dump is cut: the line that pg_dump writes last is not there")
