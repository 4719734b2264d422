"""`gonogo doctor`: what this machine has and lacks."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gonogo.cli._capabilities import print_machine, print_tried
from gonogo.cli._options import FOLDER, option, reported
from gonogo.cli._rows import print_rows
from gonogo.core.outcome import ExitCode


@click.command()
@option("--stack", default=None, help="Start (or attach to) this stack and try every request of its contract.")
@option(
    "--runtime",
    type=click.Choice(["auto", "docker", "embedded", "external"]),
    default="auto",
    show_default=True,
    help="With --stack: how it is run.",
)
@option("--content", multiple=True, type=FOLDER, help="A folder of your own checks, profiles, scenarios, drills.")
@click.option(
    "--capabilities", is_flag=True, help="Also say what each runtime, or the stack, can do, and what that costs."
)
@reported
def command(stack: str | None, runtime: str, content: tuple[Path, ...], capabilities: bool) -> None:
    """Say what this machine lacks for gonogo, or with --stack what does not fit a stack's contract, and what to do.

    Without --stack nothing is started. Exit code 0 when at least one runtime that starts stacks can be used, 3 when
    none can, 4 when gonogo cannot work.

    With --stack it starts the stack instead, sends every request of its contract, and says what does not fit and what
    to do about it. What writes is sent only where gonogo may write; what it stored it deletes again. Exit code 0 when
    all fits, 3 when something does not or could not be seen.
    """
    if stack is not None:
        _try(stack, runtime, content, capabilities=capabilities)
        return
    from gonogo.engine.doctor import Health, diagnose
    from gonogo.rundir.state import held_runs
    from gonogo.spec.content import find_verifications

    signs = {Health.GOOD: "✓", Health.LACKING: "-", Health.BROKEN: "✗"}
    lines = list(diagnose())
    print_rows([(f"{signs[one.health]} {one.what}", one.found + _remedy(one.remedy)) for one in lines])
    for run in held_runs():
        click.echo(f"• run {run.run_id} keeps a stack up; `gonogo down` ends it")
    if capabilities:
        print_machine(find_verifications(content))
    if any(line.health is Health.BROKEN for line in lines):
        sys.exit(int(ExitCode.HARNESS_FAILED))
    starts = {"embedded runtime", "docker runtime"}
    if not any(line.health is Health.GOOD and line.what in starts for line in lines):
        sys.exit(int(ExitCode.HOLD))


def _remedy(text: str) -> str:
    return f"  → {text}" if text else ""


def _try(stack: str, runtime: str, content: tuple[Path, ...], *, capabilities: bool) -> None:
    """Try a stack's contract."""
    from gonogo.engine.inputs import RunOptions
    from gonogo.engine.run import Observer
    from gonogo.engine.trial import Fit, Look, fits, try_stack
    from gonogo.spec.content import find_verifications

    signs = {Fit.FITS: "✓", Fit.DIFFERS: "✗", Fit.UNPROVEN: "?", Fit.UNTRIED: "-"}
    options = RunOptions(stack=stack, runtime=runtime, content=content, command="gonogo doctor")
    needed = find_verifications(content) if capabilities else {}
    look: Look | None = (lambda started, mask: print_tried(started, needed, mask)) if capabilities else None
    tried = try_stack(options, Observer(progress=lambda line: click.echo(line, err=True)), look)
    print_rows(
        [(f"{signs[one.fit]} {one.what}", f"{one.fit.value}: {one.found}{_remedy(one.remedy)}") for one in tried]
    )
    if not fits(tried):
        sys.exit(int(ExitCode.HOLD))
