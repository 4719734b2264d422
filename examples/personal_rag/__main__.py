"""Command line: `python -m personal_rag [serve|migrate|seed|reconcile]`."""

import argparse
import asyncio
import os
import sys
from pathlib import Path

from reference_rag.errors import ServiceError
from reference_rag.logs import configure_logging, event
from reference_rag.migrate import MigrationError, migrate
from reference_rag.settings import SettingsError, settings_of

from .app import MIGRATIONS
from .settings import PersonalSettings

USER = "me"  # the reference service's parts name a tenant; here there is one person


def main() -> int:
    """Run one command: 0 when it went well, 1 when it failed, 2 when it was called wrongly."""
    parser = argparse.ArgumentParser(
        prog="personal_rag", description="A personal retrieval service on PostgreSQL, Chroma and Redis."
    )
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("serve", help="serve HTTP (the default)")
    commands.add_parser("migrate", help="bring the database up to date, as its owner")
    commands.add_parser("reconcile", help="remove vectors without a passage, embed passages without a vector")
    seed = commands.add_parser("seed", help="load a corpus and filler vectors, as the owner")
    seed.add_argument("--corpus", type=Path, help="folder with passages.jsonl")
    seed.add_argument("--filler", type=int, default=0, help="number of filler chunks")
    options = parser.parse_args()
    try:
        settings = settings_of(os.environ, PersonalSettings)
        configure_logging(settings.log_level)
        _run(options, settings)
    except SettingsError as error:
        print(f"personal_rag: wrong settings:\n{error}", file=sys.stderr)
        return 2
    except (MigrationError, ServiceError) as error:
        print(f"personal_rag: {error}", file=sys.stderr)
        return 1
    return 0


def _run(options: argparse.Namespace, settings: PersonalSettings) -> None:
    match options.command:
        case "migrate":
            migrate(_owner_url(settings), MIGRATIONS)
        case "seed":
            from .seed import seed_stores  # noqa: PLC0415  # the service itself never needs it

            migrate(_owner_url(settings), MIGRATIONS)
            seed_stores(_owner_url(settings), settings, corpus=options.corpus, filler=options.filler)
        case "reconcile":
            asyncio.run(_reconcile(settings))
        case _:
            _serve(settings)


def _serve(settings: PersonalSettings) -> None:
    from reference_rag.server import run  # noqa: PLC0415  # keeps the other commands quick

    from .app import make_personal_app  # noqa: PLC0415  # as above
    from .service import make_personal_service  # noqa: PLC0415  # as above

    if settings.migrations_url:
        migrate(settings.migrations_url.get_secret_value(), MIGRATIONS)
    service = make_personal_service(settings)
    run(make_personal_app(service), service)


async def _reconcile(settings: PersonalSettings) -> None:
    from .rag import PersonalRag  # noqa: PLC0415  # keeps the other commands quick
    from .service import make_personal_service  # noqa: PLC0415  # as above

    service = make_personal_service(settings)
    assert isinstance(service.rag, PersonalRag)
    await service.open()
    try:
        await service.rag.remove_unwanted(USER)
        orphans, missing = await service.rag.reconcile(USER)
        event("reconciled", orphans=orphans, missing=missing)
    finally:
        await service.close()


def _owner_url(settings: PersonalSettings) -> str:
    if settings.migrations_url is None:
        msg = "MIGRATIONS_URL: this command needs the connection of the tables' owner"
        raise SettingsError(msg)
    return settings.migrations_url.get_secret_value()


if __name__ == "__main__":
    sys.exit(main())
