"""Alembic, called from Python: the same migrations whether the service applies them or somebody at a terminal."""

from functools import cache
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from reference_rag.logs import event
from reference_rag.migrate import MigrationError

FOLDER = Path(__file__).parent / "migrations"
_LOCK_ID = 7_236_452  # any number, as long as all processes of this service use the same


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    return config


@cache
def head() -> str | None:
    """The revision that a fully migrated database has."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def migrate(url: str, target: str = "head") -> None:
    """Bring the database to a revision as its owner: `head`, a revision above, or one below such as `-1`.

    Processes that start together wait for each other on an advisory lock. Raises MigrationError.
    """
    engine = create_engine(
        "postgresql+psycopg://", poolclass=NullPool, creator=lambda: psycopg.connect(url, connect_timeout=5)
    )
    config = _config()
    try:
        with engine.connect() as connection:
            connection.execute(text("SET statement_timeout = 0"))
            connection.execute(text("SET lock_timeout = '30s'"))
            connection.execute(text("SELECT pg_advisory_lock(:id)"), {"id": _LOCK_ID})
            connection.commit()
            config.attributes["connection"] = connection
            if target.startswith("-"):
                command.downgrade(config, target)
            else:
                command.upgrade(config, target)
    except CommandError as error:
        raise MigrationError(str(error)) from error
    except (SQLAlchemyError, psycopg.Error) as error:
        cause = getattr(error, "orig", error)
        reason = cause.diag.message_primary if isinstance(cause, psycopg.Error) else None
        msg = f"a migration failed: {reason or 'the database could not be reached, or refused the connection'}"
        raise MigrationError(msg) from error
    event("migrated", target=target)
