"""Command line: `python -m replicated_rag [serve|migrate|seed]`."""

import argparse
import os
import sys
from pathlib import Path

from reference_rag.errors import ServiceError
from reference_rag.logs import configure_logging
from reference_rag.migrate import MigrationError, migrate
from reference_rag.settings import SettingsError

from .service import MIGRATIONS, make_service
from .settings import Settings, load_settings


def main() -> int:
    """Run one command: 0 when it went well, 1 when it failed, 2 when it was called wrongly."""
    parser = argparse.ArgumentParser(prog="replicated_rag", description="A vector store on a primary and its standbys.")
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
                migrate(_owner_url(settings), MIGRATIONS)
            case "seed":
                _seed(settings, options.corpus, options.filler)
            case _:
                _serve(settings)
    except SettingsError as error:
        print(f"replicated_rag: wrong settings:\n{error}", file=sys.stderr)
        return 2
    except (MigrationError, ServiceError) as error:
        print(f"replicated_rag: {error}", file=sys.stderr)
        return 1
    return 0


def _seed(settings: Settings, corpus: Path | None, filler: int) -> None:
    from reference_rag.seed import seed_database  # noqa: PLC0415  # the service itself never needs it

    migrate(_owner_url(settings), MIGRATIONS)
    seed_database(_owner_url(settings), settings, corpus=corpus, filler=filler)


def _serve(settings: Settings) -> None:
    from reference_rag.app import make_app  # noqa: PLC0415  # keeps the other commands quick
    from reference_rag.routes import api, public  # noqa: PLC0415  # as above
    from reference_rag.server import run  # noqa: PLC0415  # as above

    from .routes import replication  # noqa: PLC0415  # as above

    if settings.migrations_url:
        migrate(settings.migrations_url.get_secret_value(), MIGRATIONS)
    service = make_service(settings)
    run(make_app(service, title="Replicated RAG service", routers=(public, api, replication)), service)


def _owner_url(settings: Settings) -> str:
    if settings.migrations_url is None:
        msg = "MIGRATIONS_URL: this command needs the connection of the tables' owner"
        raise SettingsError(msg)
    return settings.migrations_url.get_secret_value()


if __name__ == "__main__":
    sys.exit(main())
