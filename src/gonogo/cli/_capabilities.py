"""The capabilities' part of `gonogo doctor`: what runtimes give here, or what a stack that was started can do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from gonogo.cli._rows import print_paragraph, print_rows

if TYPE_CHECKING:
    from gonogo.spec.content import Verification
    from gonogo.stacks.interfaces import Stack

SHOWN = 4  # of what needs a capability


def print_machine(verifications: Mapping[str, Verification]) -> None:
    """What each runtime gives on this machine, and what needs it."""
    from gonogo.engine.capabilities import Given, on_this_machine, rows

    signs = {Given.YES: "✓", Given.WHERE: "✓", Given.NO: "-"}
    click.echo("\nCapabilities, by runtime, as they are to be expected here (--stack F tries them on a stack):")
    for row in rows(verifications):
        click.echo()
        print_paragraph(f"{row.capability.value}: needed by {_some(row.needed_by)}", indent="", hanging="    ")
        support = list(on_this_machine(row))
        notes = [f"{'where ' if one.given is Given.WHERE and one.note else ''}{one.note}" for _, one in support]
        marked = [f"{signs[one.given]} {name}" for name, one in support]
        print_rows(list(zip(marked, notes, strict=True)), indent="  ")


def print_tried(stack: Stack, verifications: Mapping[str, Verification], mask: Callable[[str], str]) -> None:
    """What a stack that was started can do, and what each lack leaves unproven."""
    from gonogo.engine.capabilities import tried

    click.echo(f"Capabilities of {stack.name} on the {stack.runtime} runtime, by trying:")
    rows = []
    for one in tried(stack, verifications):
        lack = f"{mask(one.missing)}; unproven without it: {', '.join(one.costs) or 'nothing'}" if one.missing else ""
        rows.append((f"{'-' if one.missing else '✓'} {one.capability.value}", lack))
    print_rows(rows)


def _some(identifiers: Sequence[str]) -> str:
    """The first few; `gonogo list --json` says what each verification needs."""
    more = len(identifiers) - SHOWN
    return (", ".join(identifiers[:SHOWN]) or "nothing") + (f" and {more} more" if more > 0 else "")
