"""Ways in which base backups go wrong, on purpose: the drill has to notice each. Each gives the broken artefact.

Some damage files, as disks and copies do. Others change the content before the backup is made, on a server started from
the good one: so the backup is sound, and of the wrong database.
"""

# ruff: noqa: S608 - tables and columns as the catalogue quotes them

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from gonogo.core.errors import NotMeasurable
from gonogo.drills import Artefact
from gonogo.stacks.context import Context
from gonogo.stacks.interfaces import PostgresServer, Role, ScratchRequest

if TYPE_CHECKING:
    from gonogo.core.facts import TableFacts
    from gonogo.drills.pg_basebackup import BaseBackupParameters

Defect = Callable[[Context, Artefact, "BaseBackupParameters"], Artefact]
Statements = Callable[[Context, PostgresServer], Sequence[str]]

LEDGERS = "SELECT quote_ident(nspname) FROM pg_namespace WHERE nspname LIKE 'gonogo\\_ledger\\_%'"
DEFINITION = "SELECT pg_get_indexdef(to_regclass(%s))"
SOME_ROW = 5  # early enough to be in the backup, with rows after it


def relation_file_truncated(_context: Context, artefact: Artefact, _parameters: BaseBackupParameters) -> Artefact:
    """The disk was full: the largest file is cut short."""
    path = _largest(artefact.path)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size * 60 // 100)
    return artefact


def one_bit_flipped(_context: Context, artefact: Artefact, _parameters: BaseBackupParameters) -> Artefact:
    """One bit of the largest file rotted: the server starts, and may answer for days."""
    path = _largest(artefact.path)
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        (byte,) = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte ^ 1]))
    return artefact


def rotten_page(context: Context, artefact: Artefact, parameters: BaseBackupParameters) -> Artefact:
    """The same in a backup whose manifest holds sizes only: nothing but the page's own checksum can tell."""
    from gonogo.drills.pg_basebackup import base_backup  # noqa: PLC0415 - it names these defects

    shutil.rmtree(artefact.path)
    source = context.stack.postgres(parameters.service)
    made = base_backup(context, parameters, source, artefact.path, ["--manifest-checksums=NONE"])
    return one_bit_flipped(context, made, parameters)


def wal_missing(_context: Context, artefact: Artefact, _parameters: BaseBackupParameters) -> Artefact:
    """Made without WAL, and no archive has it: nothing can make these files consistent."""
    for path in (artefact.path / "pg_wal").iterdir():
        if path.is_file():
            path.unlink()
    return artefact


def of_another_day(context: Context, artefact: Artefact, parameters: BaseBackupParameters) -> Artefact:
    """Tonight's backup failed and yesterday's is still there: whole, and without what was written since."""
    return _remade(context, artefact, parameters, _drop_ledgers)


def ledger_row_missing(context: Context, artefact: Artefact, parameters: BaseBackupParameters) -> Artefact:
    """A row in the middle is not there, rows after it are."""
    return _remade(context, artefact, parameters, _delete_ledger_row)


def one_vector_replaced(context: Context, artefact: Artefact, parameters: BaseBackupParameters) -> Artefact:
    """One row holds another row's vector: every count is right."""
    return _remade(context, artefact, parameters, _replace_vector)


def index_missing(context: Context, artefact: Artefact, parameters: BaseBackupParameters) -> Artefact:
    """The vector index was dropped for a bulk load and never made again."""
    return _remade(
        context, artefact, parameters, lambda context, _: [f"DROP INDEX {searched_table(context).vector_index}"]
    )


def index_built_carelessly(context: Context, artefact: Artefact, parameters: BaseBackupParameters) -> Artefact:
    """The vector index is a graph too sparse to find its way."""
    return _remade(context, artefact, parameters, _sparse_index)


def row_security_missing(context: Context, artefact: Artefact, parameters: BaseBackupParameters) -> Artefact:
    """Row security was switched off for a repair."""
    return _remade(
        context,
        artefact,
        parameters,
        lambda context, _: [f"ALTER TABLE {one.name} DISABLE ROW LEVEL SECURITY" for one in _of_tenants(context)],
    )


def settings_reset(context: Context, artefact: Artefact, parameters: BaseBackupParameters) -> Artefact:
    """What was set for the database and its roles, the search's own among it, is gone."""
    return _remade(context, artefact, parameters, _reset_settings)


def application_locked_out(context: Context, artefact: Artefact, parameters: BaseBackupParameters) -> Artefact:
    """The application's role may not log in."""
    return _remade(
        context,
        artefact,
        parameters,
        lambda _, server: [f'ALTER ROLE "{server.role_name(Role.APPLICATION)}" NOLOGIN'],
    )


def _largest(folder: Path) -> Path:
    """The largest file of a relation: of a table or an index that matters."""
    return max((path for path in (folder / "base").rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)


def _remade(context: Context, artefact: Artefact, parameters: BaseBackupParameters, statements: Statements) -> Artefact:
    """Start a server from the good backup, change it, and put a backup of that in the good one's place."""
    import psycopg  # noqa: PLC0415 - planning need not pay for the driver

    from gonogo.drills.pg_basebackup import MANIFEST, base_backup, unpack  # noqa: PLC0415 - it names these defects
    from gonogo.pg.sessions import session  # noqa: PLC0415 - see above

    def fill(data: Path) -> None:
        unpack(artefact.path, data)
        (data / MANIFEST).unlink()

    try:
        with context.stack.scratch_postgres(ScratchRequest(name="changed", fill=fill), context.deadline) as server:
            with session(server.dsn(Role.ADMIN)) as connection:
                for statement in statements(context, server):
                    connection.execute(statement.encode())
            changed = base_backup(context, parameters, server, artefact.path.with_name("changed"))
    except psycopg.Error as error:
        raise NotMeasurable(f"the backup could not be changed: {error}") from error
    shutil.rmtree(artefact.path)
    changed.path.rename(artefact.path)
    return replace(artefact, size_bytes=changed.size_bytes)


def _drop_ledgers(_context: Context, server: PostgresServer) -> Sequence[str]:
    return [f"DROP SCHEMA {name} CASCADE" for name in _rows(server, LEDGERS)]


def _delete_ledger_row(_context: Context, server: PostgresServer) -> Sequence[str]:
    return [f"DELETE FROM {name}.entries WHERE number = {SOME_ROW}" for name in _rows(server, LEDGERS)]


def _replace_vector(context: Context, _server: PostgresServer) -> Sequence[str]:
    table = searched_table(context)
    first = f"SELECT ctid FROM {table.name} ORDER BY ctid LIMIT 1"
    last = f"SELECT {table.vector} FROM {table.name} ORDER BY ctid DESC LIMIT 1"
    return [f"UPDATE {table.name} SET {table.vector} = ({last}) WHERE ctid = ({first})"]


def _sparse_index(context: Context, server: PostgresServer) -> Sequence[str]:
    index = searched_table(context).vector_index
    (definition,) = _rows(server, DEFINITION, index)
    sparse = definition.partition(" WITH ")[0] + " WITH (m = 2, ef_construction = 4)"
    return [f"DROP INDEX {index}", sparse]


def _reset_settings(_context: Context, server: PostgresServer) -> Sequence[str]:
    roles = (server.role_name(Role.APPLICATION), server.role_name(Role.OWNER))
    everywhere = [f'ALTER ROLE "{role}" RESET ALL' for role in roles]
    here = [f'ALTER ROLE "{role}" IN DATABASE "{server.database}" RESET ALL' for role in roles]
    return [*everywhere, *here, f'ALTER DATABASE "{server.database}" RESET ALL']


def searched_table(context: Context) -> TableFacts:
    """The table with a vector index. Raises NotMeasurable."""
    for table in context.facts.tables.values():
        if table.vector and table.vector_index:
            return table
    raise NotMeasurable("the database has no vector index to break")


def _of_tenants(context: Context) -> list[TableFacts]:
    return [table for table in context.facts.tables.values() if table.tenant]


def _rows(server: PostgresServer, statement: str, *arguments: str | None) -> list[str]:
    from gonogo.pg.sessions import session  # noqa: PLC0415 - planning need not pay for the driver

    with session(server.dsn(Role.ADMIN)) as connection:
        return [str(row[0]) for row in connection.execute(statement.encode(), arguments or None)]


DEFECTS: dict[str, Defect] = {
    defect.__name__: defect
    for defect in (
        relation_file_truncated,
        one_bit_flipped,
        rotten_page,
        wal_missing,
        of_another_day,
        ledger_row_missing,
        one_vector_replaced,
        index_missing,
        index_built_carelessly,
        row_security_missing,
        settings_reset,
        application_locked_out,
    )
}
