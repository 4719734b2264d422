"""`gonogo chaos`: only the chaos scenarios of the suite."""

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
    """Run chaos scenarios only.

    IDS are ids or their last parts (failover); without any, all chaos scenarios of the suite run.
    The verdict is PARTIAL at best.
    """
    chosen = [content_id(Kind.CHAOS, one) for one in ids]
    run_and_report(kinds=(Kind.CHAOS,), identifiers=chosen, command="gonogo chaos", **given)
