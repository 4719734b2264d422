"""`gonogo load`: only the load profiles of the suite."""

from __future__ import annotations

from typing import Any

import click

from gonogo.cli._options import HISTORY, HOW, OUTPUT, WHAT, options, reported
from gonogo.cli._run import content_id, run_and_report
from gonogo.core.outcome import Kind


@click.command()
@click.argument("ids", nargs=-1)
@options(WHAT, HOW, HISTORY, OUTPUT)
@reported
def command(ids: tuple[str, ...], **given: Any) -> None:
    """Run load profiles only.

    IDS are ids or their last parts (search_steady); without any, all load profiles of the suite run.
    The verdict is PARTIAL at best.
    """
    chosen = [content_id(Kind.LOAD, one) for one in ids]
    run_and_report(kinds=(Kind.LOAD,), identifiers=chosen, command="gonogo load", **given)
