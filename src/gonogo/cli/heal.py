"""`gonogo heal`: undo the faults of killed runs."""

from __future__ import annotations

import click

from gonogo.cli._options import reported
from gonogo.cli._recovery import tell


@click.command()
@reported
def command() -> None:
    """Undo faults that a killed run left in effect. Runs that are still going are left alone; safe to repeat.

    A run undoes its faults itself, also when it is interrupted: this is for kill -9 and power cuts. Processes and
    containers are for `gonogo clean`.
    """
    from gonogo.engine.recover import heal

    tell(heal(), "healed")
