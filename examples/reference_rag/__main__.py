"""Command line: `python -m reference_rag [serve|migrate|seed]`."""

import argparse
import os
import sys
from pathlib import Path

from .errors import ServiceError
from .logs import configure_logging
from .migrate import MigrationError, migrate
from .settings import Settings, SettingsError, load_settings


def main() -> int:
    """Run one command: 0 when it went well, 1 when it failed, 2 when it was called wrongly."""
    parser = argparse.ArgumentParser(
        prog="reference_rag", description="A retrieval service on PostgreSQL and pgvector."
    )
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("serve", help="serve HTTP (the default)")
    commands.add_parser("migrate", help="bring the database up to date, as its owner")
    seed = commands.add_parser("seed", help="load a corpus and filler vectors, as the owner")
    seed.add_argument("--corpus", type=Path, help="folder with passages.jsonl")
    seed.add_argument("--filler", type=int, default=0, help="number of filler chunks")
    options = parser.parse_args()
    try:
        settings = load_settings(os.environ)
        configure_logging(settings.log_level)
        match options.command:
            case "migrate":
                migrate(_owner_url(settings))
            case "seed":
                from .seed import seed_database  # noqa: PLC0415  # the service itself never needs it

                migrate(_owner_url(settings))
                seed_database(_owner_url(settings), settings, corpus=options.corpus, filler=options.filler)
            case _:
                from .server import serve  # noqa: PLC0415  # keeps the other commands quick

                serve(settings)
    except SettingsError as error:
        print(f"reference_rag: wrong settings:\n{error}", file=sys.stderr)
        return 2
    except (MigrationError, ServiceError) as error:
        print(f"reference_rag: {error}", file=sys.stderr)
        return 1
    return 0


def _owner_url(settings: Settings) -> str:
    if settings.migrations_url is None:
        msg = "MIGRATIONS_URL: this command needs the connection of the tables' owner"
        raise SettingsError(msg)
    return settings.migrations_url.get_secret_value()


if __name__ == "__main__":
    sys.exit(main())
