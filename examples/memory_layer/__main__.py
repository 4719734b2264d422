"""Command line: `python -m memory_layer [serve|migrate|seed]`."""

import argparse
import os
import sys

from reference_rag.commandline import add_commands, exit_code
from reference_rag.logs import configure_logging
from reference_rag.migrate import migrate

from .service import MIGRATIONS, make_service
from .settings import Settings, load_settings


def main() -> int:
    """Run one command: 0 when it went well, 1 when it failed, 2 when it was called wrongly."""
    parser = argparse.ArgumentParser(prog="memory_layer", description="A memory for assistants, on PostgreSQL.")
    add_commands(parser.add_subparsers(dest="command"))
    options = parser.parse_args()
    return exit_code("memory_layer", lambda: _run(options))


def _run(options: argparse.Namespace) -> None:
    settings = load_settings(os.environ)
    configure_logging(settings.log_level)
    match options.command:
        case "migrate":
            migrate(settings.owner_url(), MIGRATIONS)
        case "seed":
            from reference_rag.seed import seed_database  # noqa: PLC0415  # the service itself never needs it

            from .seed import MESSAGES  # noqa: PLC0415  # as above

            migrate(settings.owner_url(), MIGRATIONS)
            seed_database(settings.owner_url(), settings, corpus=options.corpus, filler=options.filler, target=MESSAGES)
        case _:
            _serve(settings)


def _serve(settings: Settings) -> None:
    from reference_rag.app import make_app  # noqa: PLC0415  # keeps the other commands quick
    from reference_rag.routes import public, readiness  # noqa: PLC0415  # as above
    from reference_rag.server import serve  # noqa: PLC0415  # as above

    from .routes import api  # noqa: PLC0415  # as above

    service = make_service(settings)
    serve(make_app(service, title="Memory layer", routers=(public, readiness, api)), service)


if __name__ == "__main__":
    sys.exit(main())
