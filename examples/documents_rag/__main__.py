"""Command line: `python -m documents_rag [serve|migrate|seed|embeddings]`."""

import argparse
import os
import sys
from pathlib import Path

from reference_rag.errors import ServiceError
from reference_rag.logs import configure_logging
from reference_rag.migrate import MigrationError
from reference_rag.settings import SettingsError, settings_of

from .settings import Settings


def main() -> int:
    """Run one command: 0 when it went well, 1 when it failed, 2 when it was called wrongly."""
    parser = argparse.ArgumentParser(prog="documents_rag", description="Ingest documents and chat about them.")
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("serve", help="migrate where MIGRATIONS_URL is set, then serve HTTP (the default)")
    migrating = commands.add_parser("migrate", help="bring the database to a revision, as its owner")
    migrating.add_argument("--to", default="head", help="a revision; -1 takes the newest one back")
    seed = commands.add_parser("seed", help="load a corpus and filler vectors, as the owner")
    seed.add_argument("--corpus", type=Path, help="folder with passages.jsonl")
    seed.add_argument("--filler", type=int, default=0, help="number of filler chunks")
    commands.add_parser("embeddings", help="serve embeddings instead: needs no database and no settings but HOST, PORT")
    options = parser.parse_args()
    try:
        if options.command == "embeddings":
            from .server import serve_embeddings  # noqa: PLC0415  # keeps the other commands quick

            serve_embeddings(os.environ)
            return 0
        settings = settings_of(os.environ, Settings)
        configure_logging(settings.log_level)
        _run(options, settings)
    except SettingsError as error:
        print(f"documents_rag: wrong settings:\n{error}", file=sys.stderr)
        return 2
    except (MigrationError, ServiceError) as error:
        print(f"documents_rag: {error}", file=sys.stderr)
        return 1
    return 0


def _run(options: argparse.Namespace, settings: Settings) -> None:
    match options.command:
        case "migrate":
            from .migrate import migrate  # noqa: PLC0415

            migrate(_owner_url(settings), options.to)
        case "seed":
            from .seed import seed_database  # noqa: PLC0415  # the service itself never needs it

            seed_database(_owner_url(settings), settings, corpus=options.corpus, filler=options.filler)
        case _:
            from .server import serve  # noqa: PLC0415

            serve(settings)


def _owner_url(settings: Settings) -> str:
    if settings.migrations_url is None:
        msg = "MIGRATIONS_URL: this command needs the connection of the tables' owner"
        raise SettingsError(msg)
    return settings.migrations_url.get_secret_value()


if __name__ == "__main__":
    sys.exit(main())
