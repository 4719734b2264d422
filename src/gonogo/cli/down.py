"""`gonogo down`: end stacks that are kept up."""

from __future__ import annotations

import click

from gonogo.cli._options import reported


@click.command()
@click.argument("run_ids", nargs=-1)
@reported
def command(run_ids: tuple[str, ...]) -> None:
    """End the stacks that `gonogo up` or `--keep-up` keep up: all of yours, or those of RUN_IDS. Gates go on."""
    from gonogo.engine.up import down

    ended = down(run_ids)
    for run_id in ended:
        click.echo(f"ended {run_id}")
    if not ended:
        click.echo("no stack is kept up")
