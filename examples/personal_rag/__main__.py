"""Command line: `python -m personal_rag [serve|migrate|seed|reconcile]`."""

import argparse
import asyncio
import os
import sys

from reference_rag.commandline import add_commands, exit_code
from reference_rag.logs import configure_logging, event
from reference_rag.migrate import migrate
from reference_rag.settings import settings_of

from .service import MIGRATIONS, make_personal_service
from .settings import PersonalSettings

USER = "me"  # the reference service's parts name a tenant; here there is one person


def main() -> int:
    """Run one command: 0 when it went well, 1 when it failed, 2 when it was called wrongly."""
    parser = argparse.ArgumentParser(
        prog="personal_rag", description="A personal retrieval service on PostgreSQL, Chroma and Redis."
    )
    commands = parser.add_subparsers(dest="command")
    add_commands(commands)
    commands.add_parser("reconcile", help="remove vectors without a passage, embed passages without a vector")
    options = parser.parse_args()
    return exit_code("personal_rag", lambda: _run(options))


def _run(options: argparse.Namespace) -> None:
    settings = settings_of(os.environ, PersonalSettings)
    configure_logging(settings.log_level)
    match options.command:
        case "migrate":
            migrate(settings.owner_url(), MIGRATIONS)
        case "seed":
            from .seed import seed_stores  # noqa: PLC0415  # the service itself never needs it

            migrate(settings.owner_url(), MIGRATIONS)
            seed_stores(settings.owner_url(), settings, corpus=options.corpus, filler=options.filler)
        case "reconcile":
            asyncio.run(_reconcile(settings))
        case _:
            from reference_rag.server import serve  # noqa: PLC0415  # keeps the other commands quick

            from .app import make_personal_app  # noqa: PLC0415  # as above

            service = make_personal_service(settings)
            serve(make_personal_app(service), service)


async def _reconcile(settings: PersonalSettings) -> None:
    service = make_personal_service(settings)
    await service.open()
    try:
        await service.rag.remove_unwanted(USER)
        orphans, missing = await service.rag.reconcile(USER)
        event("reconciled", orphans=orphans, missing=missing)
    finally:
        await service.close()


if __name__ == "__main__":
    sys.exit(main())
