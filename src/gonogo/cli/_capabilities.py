"""The capabilities' part of `gonogo doctor`: what runtimes give here, or what a stack that was started can do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from gonogo.spec.content import Verification
    from gonogo.stacks.interfaces import Stack


def print_machine(verifications: Mapping[str, Verification]) -> None:
    """What each runtime gives on this machine, and what needs it."""
    from gonogo.engine.capabilities import Given, on_this_machine, rows

    signs = {Given.YES: "✓", Given.WHERE: "✓", Given.NO: "-"}
    click.echo("\nCapabilities, by runtime, as they are to be expected here (--stack F tries them on a stack):")
    for row in rows(verifications):
        click.echo(f"\n{row.capability.value}: needed by {_needed(row.needed_by)}")
        for name, support in on_this_machine(row):
            note = f" {'where ' if support.given is Given.WHERE else ''}{support.note}" if support.note else ""
            click.echo(f"  {signs[support.given]} {name:<9}{note}".rstrip())


def print_tried(stack: Stack, verifications: Mapping[str, Verification], mask: Callable[[str], str]) -> None:
    """What a stack that was started can do, and what each lack leaves unproven."""
    from gonogo.engine.capabilities import tried

    click.echo(f"Capabilities of {stack.name} on the {stack.runtime} runtime, by trying:")
    for one in tried(stack, verifications):
        if one.missing is None:
            click.echo(f"✓ {one.capability.value}")
        else:
            click.echo(f"- {one.capability.value:<20} {mask(one.missing)}; unproven without it: {_needed(one.costs)}")


def _needed(identifiers: Sequence[str]) -> str:
    return ", ".join(identifiers) or "nothing"
