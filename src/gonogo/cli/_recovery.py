"""What `heal` and `clean` tell people, and their exit codes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from gonogo.core.outcome import ExitCode

if TYPE_CHECKING:
    from gonogo.engine.recover import Recovery


def tell(found: Recovery, verb: str) -> None:
    """One line for each thing done; exits with 4 when something is left."""
    for line in found.undone:
        click.echo(f"{verb} {line}")
    for line in found.settled:
        click.echo(f"nothing to undo of {line}")
    for line in found.problems:
        click.echo(f"gonogo: {line}", err=True)
    if found.living:
        click.echo(f"left alone, still running: {', '.join(found.living)}")
    if not found.runs:
        click.echo("nothing was left behind by a dead run")
    sys.exit(int(ExitCode.HARNESS_FAILED if found.problems else ExitCode.GO))
