"""`gonogo plan`: what a run would do, without starting anything."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from gonogo.cli._options import WHAT, options, reported
from gonogo.cli._rows import print_paragraph, print_rows
from gonogo.core.outcome import Effect

if TYPE_CHECKING:
    from gonogo.core.plan import PlanItem


@click.command()
@options(WHAT)
@click.option("--json", "as_json", is_flag=True, help="Print plan.json on standard output.")
@reported
def command(as_json: bool, **given: Any) -> None:
    """Show what a run would do, in which order and for how long. Starts nothing; finds every error of the YAML."""
    from gonogo.core.memory import remembering
    from gonogo.core.quantity import format_seconds
    from gonogo.engine.accepted import Accepted
    from gonogo.engine.inputs import RunOptions, read_inputs
    from gonogo.engine.plan import World, make_plan
    from gonogo.stacks.local.cache import memory_file

    chosen = RunOptions(
        stack=given["stack"],
        suite=given["suite"],
        policy=given["policy"],
        content=tuple(given["content"]),
        only=tuple(given["only"]),
        skip=tuple(given["skip"]),
        max_duration_s=given["max_duration"],
    )
    with remembering(memory_file()) as memory:
        inputs = read_inputs(chosen, memory)
        plan = make_plan(inputs, World(accepted=Accepted(memory, inputs.stack.spec.contract)))
    if as_json:
        click.echo(json.dumps(plan.to_json(), indent=2))
        return
    print_rows([_row(item) for item in plan.items])
    to_run = sum(item.runs for item in plan.items)
    summary = f"{to_run} of {len(plan.items)} run, about {format_seconds(plan.predicted_s)} one after the other"
    print_paragraph(
        f"\n{summary}\nWhat the running stack cannot do is found out when it runs (`gonogo gate`).", indent=""
    )


def _row(item: PlanItem) -> tuple[str, ...]:
    from gonogo.core.quantity import format_seconds

    gate = "gate" if item.gating else ""
    if not item.runs:
        return ("-", gate, item.id, f"skipped, {item.skip}: {item.reason}")
    effects = "" if item.effects is Effect.READ else item.effects.value
    return (f"~{format_seconds(item.predicted_s)}", gate, item.id, effects)
