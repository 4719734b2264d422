"""`gonogo gate`: the whole suite, one verdict."""

from __future__ import annotations

from typing import Any

import click

from gonogo.cli._options import HOW, OUTPUT, WHAT, options, reported
from gonogo.cli._run import run_and_report


@click.command()
@options(WHAT, HOW, OUTPUT)
@reported
def command(**given: Any) -> None:
    """Run the whole suite on a stack and answer: GO, NO-GO or HOLD."""
    run_and_report(command="gonogo gate", **given)
