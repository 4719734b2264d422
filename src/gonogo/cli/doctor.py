"""`gonogo doctor`: what this machine has and lacks."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gonogo.cli._options import FOLDER, option, reported
from gonogo.core.outcome import ExitCode


@click.command()
@option("--content", multiple=True, type=FOLDER, help="A folder of your own checks, profiles, scenarios, drills.")
@click.option("--capabilities", is_flag=True, help="Also list which verifications need which capability.")
@reported
def command(content: tuple[Path, ...], capabilities: bool) -> None:
    """Say what this machine has and lacks for gonogo, and what to do about it. Starts nothing.

    Exit code 0 when at least one runtime that starts stacks can be used, 3 when none can, 4 when gonogo cannot work.
    """
    from gonogo.engine.doctor import Health, costs, diagnose
    from gonogo.rundir.state import held_runs
    from gonogo.spec.content import find_verifications

    signs = {Health.GOOD: "✓", Health.LACKING: "-", Health.BROKEN: "✗"}
    lines = []
    for line in diagnose():
        lines.append(line)
        remedy = f"  → {line.remedy}" if line.remedy else ""
        click.echo(f"{signs[line.health]} {line.what:<17} {line.found}{remedy}")
    for run in held_runs():
        click.echo(f"• run {run.run_id} keeps a stack up; `gonogo down` ends it")
    if capabilities:
        click.echo("\nWhat needs which capability (a stack without it leaves these unproven):")
        for capability, identifiers in costs(find_verifications(content)).items():
            click.echo(f"  {capability.value:<20} {', '.join(identifiers) or '-'}")
    if any(line.health is Health.BROKEN for line in lines):
        sys.exit(int(ExitCode.HARNESS_FAILED))
    starts = {"embedded runtime", "docker runtime"}
    if not any(line.health is Health.GOOD and line.what in starts for line in lines):
        sys.exit(int(ExitCode.HOLD))
