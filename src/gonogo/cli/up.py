"""`gonogo up`: start a stack and keep it up."""

from __future__ import annotations

import sys
from typing import Any

import click

from gonogo.cli._options import FOLDER, option, options, reported
from gonogo.core.outcome import ExitCode

START_SECONDS = 360.0
WHERE = (
    option("--stack", default="reference", show_default=True, help="Stack file, or the name of one in config/stacks."),
    option("--content", multiple=True, type=FOLDER, help="A folder with stacks of your own below config/stacks."),
    option(
        "--runtime",
        type=click.Choice(["auto", "docker", "embedded"]),
        default="auto",
        show_default=True,
        help="How the stack is run. auto says what it chose.",
    ),
)


@click.command()
@options(WHERE)
@click.option("--detach", is_flag=True, help="Return when the stack answers; `gonogo down` ends it.")
@reported
def command(detach: bool, **given: Any) -> None:
    """Start a stack, say where its services answer, and keep it up until Ctrl-C or `gonogo down`."""
    if detach:
        _in_background()
        return
    from gonogo.cli._run import DEFAULTS, run_options
    from gonogo.core.errors import Interrupted
    from gonogo.engine.run import Observer
    from gonogo.engine.up import up

    chosen = run_options(kinds=(), identifiers=(), command="gonogo up", **{**DEFAULTS, **given})
    try:
        up(chosen, Observer(progress=lambda line: click.echo(line, err=True)))
    except Interrupted:
        click.echo("interrupted while starting; nothing is left", err=True)
        sys.exit(int(ExitCode.HOLD))


def _in_background() -> None:
    """Run the same command without --detach in a session of its own; return when it keeps its stack up."""
    import subprocess
    import tempfile

    from gonogo.core.deadline import Deadline
    from gonogo.core.errors import StackError
    from gonogo.rundir.state import held_runs

    arguments = [argument for argument in sys.argv[1:] if argument != "--detach"]
    log = tempfile.TemporaryFile(mode="w+")  # noqa: SIM115 - it must outlive this function: the child writes to it
    child = subprocess.Popen(
        [sys.executable, "-m", "gonogo", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=log,
        start_new_session=True,
    )
    limit = Deadline.after(START_SECONDS)
    while not (held := [run for run in held_runs() if run.pid == child.pid]):
        if child.poll() is not None:
            log.seek(0)
            click.echo(log.read().strip(), err=True)
            sys.exit(child.returncode or int(ExitCode.HARNESS_FAILED))
        if limit.expired:
            child.terminate()
            raise StackError(f"the stack did not answer within {START_SECONDS:.0f} s")
        limit.sleep(0.1)
    for line in held[0].addresses:
        click.echo(line)
    click.echo(f"run {held[0].run_id} keeps the stack up; `gonogo down` ends it")
