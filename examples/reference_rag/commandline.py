"""What the command lines of this service, and of those that are built on it, have in common."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from .errors import ServiceError
from .migrate import MigrationError
from .settings import SettingsError


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The commands that every service has: serve, migrate and seed."""
    commands.add_parser("serve", help="migrate where MIGRATIONS_URL is set, then serve HTTP (the default)")
    commands.add_parser("migrate", help="bring the database up to date, as its owner")
    seed = commands.add_parser("seed", help="load a corpus and filler vectors, as the owner")
    seed.add_argument("--corpus", type=Path, help="folder with passages.jsonl")
    seed.add_argument("--filler", type=int, default=0, help="number of filler chunks")


def exit_code(program: str, work: Callable[[], None]) -> int:
    """Do the work of a command: 0 when it went well, 1 when it failed, 2 when the settings are wrong."""
    try:
        work()
    except SettingsError as error:
        print(f"{program}: wrong settings:\n{error}", file=sys.stderr)
        return 2
    except (MigrationError, ServiceError) as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 1
    return 0
