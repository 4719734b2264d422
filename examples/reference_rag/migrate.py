"""Applies the numbered SQL files of migrations/, each once and in its own transaction."""

from pathlib import Path

import psycopg

from .logs import event

MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK_ID = 7_236_451  # any number, as long as all processes of this service use the same


class MigrationError(Exception):
    """The database could not be migrated; the text says why, without addresses or passwords."""


def newest_version(folder: Path = MIGRATIONS) -> str:
    """The version that a fully migrated database has."""
    return max(path.stem for path in folder.glob("*.sql"))


def migrate(url: str, folder: Path = MIGRATIONS) -> list[str]:
    """Bring the database up to date as its owner and return the versions applied. Raises MigrationError.

    Processes that start together wait for each other on an advisory lock, and only one of them does the work.
    """
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
            connection.execute("SET statement_timeout = 0")
            connection.execute("SET lock_timeout = '30s'")
            connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK_ID])
            return _apply_missing(connection, folder)
    except psycopg.OperationalError as error:
        msg = "the database could not be reached, or refused the connection of MIGRATIONS_URL"
        raise MigrationError(msg) from error
    except psycopg.Error as error:
        msg = f"a migration failed: {error.diag.message_primary or type(error).__name__}"
        raise MigrationError(msg) from error


def _apply_missing(connection: psycopg.Connection[tuple[object, ...]], folder: Path) -> list[str]:
    connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_migrations"
        " (version text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
    )
    done = {row[0] for row in connection.execute("SELECT version FROM schema_migrations")}
    applied = []
    for path in sorted(folder.glob("*.sql")):
        if path.stem in done:
            continue
        with connection.transaction():
            connection.execute(path.read_bytes())
            connection.execute("INSERT INTO schema_migrations (version) VALUES (%s)", [path.stem])
        event("migration applied", version=path.stem)
        applied.append(path.stem)
    return applied
