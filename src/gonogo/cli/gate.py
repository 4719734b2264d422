"""`gonogo gate`: the whole suite, one verdict."""

from __future__ import annotations

from typing import Any

import click

from gonogo.cli._options import HISTORY, HOW, OUTPUT, WHAT, Duration, options, reported
from gonogo.cli._run import content_id, run_and_report
from gonogo.core.errors import UsageError
from gonogo.core.outcome import Kind

REQUIRED = (
    click.option(
        "--require-drill",
        multiple=True,
        metavar="ID",
        help="HOLD unless this drill passes here, or passed within --max-age on this stack and runtime.",
    ),
    click.option("--max-age", type=Duration(), default="7d", show_default=True, help="How long a drill counts."),
)


@click.command()
@options(WHAT, HOW, REQUIRED, HISTORY, OUTPUT)
@reported
def command(require_drill: tuple[str, ...], max_age: float, **given: Any) -> None:
    """Run the whole suite on a stack and answer: GO, NO-GO or HOLD."""
    if require_drill and given["only"]:
        raise UsageError("--require-drill asks something of a whole gate, and --only makes it a part: leave one out")
    if require_drill and given["no_history"]:
        raise UsageError("--require-drill looks into the history, and --no-history keeps none: leave one out")
    recent = {content_id(Kind.DRILL, one): max_age for one in require_drill}
    run_and_report(command="gonogo gate", require_recent=recent, **given)
