"""`gonogo drill`: only the restore drills of the suite."""

from __future__ import annotations

from typing import Any

import click

from gonogo.cli._options import HISTORY, HOW, OUTPUT, WHAT, options, reported
from gonogo.cli._run import content_id, run_and_report
from gonogo.core.outcome import Kind


@click.command()
@click.argument("ids", nargs=-1)
@click.option(
    "--compare-strategies",
    is_flag=True,
    help="One disaster for all drills, and one table: what each loses, how soon each is back, in which phases.",
)
@options(WHAT, HOW, HISTORY, OUTPUT)
@reported
def command(ids: tuple[str, ...], **given: Any) -> None:
    """Run restore drills only.

    IDS are ids or their last parts (pg_dump_custom); without any, all restore drills of the suite run.
    The verdict is PARTIAL at best.
    """
    chosen = [content_id(Kind.DRILL, one) for one in ids]
    run_and_report(kinds=(Kind.DRILL,), identifiers=chosen, command="gonogo drill", **given)
