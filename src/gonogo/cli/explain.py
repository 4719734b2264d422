"""`gonogo explain`: everything about one verification."""

from __future__ import annotations

from pathlib import Path

import click

from gonogo.cli._options import FOLDER, option, reported
from gonogo.cli._rows import print_paragraph, print_rows


@click.command()
@click.argument("identifier", metavar="ID")
@option("--content", multiple=True, type=FOLDER, help="A folder of your own checks, profiles, scenarios, drills.")
@reported
def command(identifier: str, content: tuple[Path, ...]) -> None:
    """Explain one verification: why it matters, what it expects, how it is turned red, how to mend it."""
    from gonogo.engine.plan import needed_capabilities
    from gonogo.spec.content import find_verifications

    found = find_verifications(content)
    if identifier not in found:
        raise _unknown(identifier, list(found))
    one = found[identifier]
    spec = one.spec
    print_paragraph(f"{identifier}: {spec.title}", indent="")
    click.echo()
    rows = {
        "area": one.area.value,
        "severity": spec.severity.value,
        "covers": ", ".join(spec.covers),
        "effects": spec.effects.value,
        "needs": ", ".join(sorted(needed_capabilities(one))),
        "source": one.source,
    }
    print_rows([(name, value) for name, value in rows.items() if value], indent="  ")
    if spec.why:
        _section("Why", spec.why)
    _section("Expects", *(f"{name} {wanted.in_words()}" for name, wanted in spec.expectations().items()))
    _section("Seeded defects (what turns it red)", *(f"{one.name}  →  {', '.join(one.fails)}" for one in spec.defect))
    if spec.remedy:
        _section("Remedy", spec.remedy.strip())


def _section(title: str, *entries: str) -> None:
    """A title and what stands below it; of several entries each is carried on further in."""
    click.echo(f"\n{title}")
    for entry in entries:
        print_paragraph(entry, hanging="    " if len(entries) > 1 else "")


def _unknown(identifier: str, known: list[str]) -> Exception:
    import difflib

    from gonogo.core.errors import UsageError

    ends = [one for one in known if one.endswith(f"/{identifier}")]
    close = ends or difflib.get_close_matches(identifier, known, n=3)
    hint = f"; did you mean {', '.join(close)}?" if close else ""
    return UsageError(f"unknown verification {identifier!r}{hint}")
