"""`gonogo check`: only the checks of the suite."""

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
    """Run readiness checks only.

    IDS are ids or their last parts (api/unknown_is_404); without any, all checks of the suite run.
    The verdict is PARTIAL at best.
    """
    chosen = [content_id(Kind.CHECK, one) for one in ids]
    run_and_report(kinds=(Kind.CHECK,), identifiers=chosen, command="gonogo check", **given)
