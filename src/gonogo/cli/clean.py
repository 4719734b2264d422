"""`gonogo clean`: remove what killed runs left behind."""

from __future__ import annotations

import click

from gonogo.cli._options import reported
from gonogo.cli._recovery import tell


@click.command()
@reported
def command() -> None:
    """Heal faults, end processes, remove scratch folders and containers that a killed run left behind.

    Only what carries the mark of a dead run of this user is touched; run directories and their evidence stay.
    """
    from gonogo.engine.recover import clean

    tell(clean(), "removed")
