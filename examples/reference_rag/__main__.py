"""Command line: `python -m reference_rag [serve|migrate|seed]`."""

import argparse
import os
import sys

from .commandline import add_commands, exit_code
from .logs import configure_logging
from .migrate import migrate
from .settings import load_settings


def main() -> int:
    """Run one command: 0 when it went well, 1 when it failed, 2 when it was called wrongly."""
    parser = argparse.ArgumentParser(
        prog="reference_rag", description="A retrieval service on PostgreSQL and pgvector."
    )
    add_commands(parser.add_subparsers(dest="command"))
    options = parser.parse_args()
    return exit_code("reference_rag", lambda: _run(options))


def _run(options: argparse.Namespace) -> None:
    settings = load_settings(os.environ)
    configure_logging(settings.log_level)
    match options.command:
        case "migrate":
            migrate(settings.owner_url())
        case "seed":
            from .seed import seed_database  # noqa: PLC0415  # the service itself never needs it

            migrate(settings.owner_url())
            seed_database(settings.owner_url(), settings, corpus=options.corpus, filler=options.filler)
        case _:
            from .app import make_app  # noqa: PLC0415  # keeps the other commands quick
            from .server import serve  # noqa: PLC0415  # as above
            from .service import make_service  # noqa: PLC0415  # as above

            service = make_service(settings)
            serve(make_app(service), service)


if __name__ == "__main__":
    sys.exit(main())
