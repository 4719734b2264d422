"""`gonogo plan`: what a run would do, without starting anything."""

from __future__ import annotations

import json
from typing import Any

import click

from gonogo.cli._options import WHAT, options, reported


@click.command()
@options(WHAT)
@click.option("--json", "as_json", is_flag=True, help="Print plan.json on standard output.")
@reported
def command(as_json: bool, **given: Any) -> None:
    """Show what a run would do, in which order and for how long. Starts nothing; finds every error of the YAML."""
    from gonogo.core.quantity import format_seconds
    from gonogo.engine.inputs import RunOptions, read_inputs
    from gonogo.engine.plan import World, make_plan

    chosen = RunOptions(
        stack=given["stack"],
        suite=given["suite"],
        policy=given["policy"],
        content=tuple(given["content"]),
        only=tuple(given["only"]),
        skip=tuple(given["skip"]),
        max_duration_s=given["max_duration"],
    )
    plan = make_plan(read_inputs(chosen), World())
    if as_json:
        click.echo(json.dumps(plan.to_json(), indent=2))
        return
    width = max(len(item.id) for item in plan.items)
    for item in plan.items:
        gate = "gate" if item.gating else "    "
        what = f"~{format_seconds(item.predicted_s)}" if item.runs else f"skipped, {item.skip}: {item.reason}"
        click.echo(f"{item.id:<{width}}  {gate}  {item.effects.value:<10}  {what}")
    to_run = sum(item.runs for item in plan.items)
    click.echo(f"{to_run} of {len(plan.items)} run, about {format_seconds(plan.predicted_s)} one after the other")
    click.echo("What the running stack cannot do is found out when it runs (`gonogo gate`).")
