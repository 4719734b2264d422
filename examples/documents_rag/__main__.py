"""Command line: `python -m documents_rag [serve|migrate|seed|embeddings]`."""

import argparse
import os
import sys

from reference_rag.commandline import add_commands, exit_code
from reference_rag.logs import configure_logging
from reference_rag.settings import settings_of

from .settings import Settings


def main() -> int:
    """Run one command: 0 when it went well, 1 when it failed, 2 when it was called wrongly."""
    parser = argparse.ArgumentParser(prog="documents_rag", description="Ingest documents and chat about them.")
    commands = parser.add_subparsers(dest="command")
    add_commands(commands)
    commands.choices["migrate"].add_argument("--to", default="head", help="a revision; -1 takes the newest one back")
    commands.add_parser("embeddings", help="serve embeddings instead: needs no database and no settings but HOST, PORT")
    options = parser.parse_args()
    return exit_code("documents_rag", lambda: _run(options))


def _run(options: argparse.Namespace) -> None:
    if options.command == "embeddings":
        from .server import serve_embeddings  # noqa: PLC0415  # keeps the other commands quick

        serve_embeddings(os.environ)
        return
    settings = settings_of(os.environ, Settings)
    configure_logging(settings.log_level)
    match options.command:
        case "migrate":
            from .migrate import migrate  # noqa: PLC0415  # keeps the other commands quick

            migrate(settings.owner_url(), options.to)
        case "seed":
            from .seed import seed_database  # noqa: PLC0415  # the service itself never needs it

            seed_database(settings.owner_url(), settings, corpus=options.corpus, filler=options.filler)
        case _:
            from .server import serve  # noqa: PLC0415  # keeps the other commands quick

            serve(settings)


if __name__ == "__main__":
    sys.exit(main())
