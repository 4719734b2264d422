"""The empty database that a fresh server brings, where a dump is to make its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gonogo.stacks.interfaces import PostgresServer


def drop_empty_database(target: PostgresServer) -> None:
    """Drop it: --create makes the database with its settings.

    Never on anything but a scratch server: the runner has proven that this one is.
    """
    from psycopg import sql  # noqa: PLC0415 - planning need not pay for the driver

    from gonogo.pg.sessions import session  # noqa: PLC0415 - as above

    with session(target.dsn(database=database_beside(target))) as connection:
        connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(target.database)))


def database_beside(target: PostgresServer) -> str:
    """One to be connected to while the server's own is dropped and made."""
    return "template1" if target.database == "postgres" else "postgres"
