"""`gonogo explain`: everything about one verification."""

from __future__ import annotations

from pathlib import Path

import click

from gonogo.cli._options import FOLDER, option, reported


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
    click.echo(f"{identifier}: {spec.title}\n")
    rows = {
        "area": one.area.value,
        "severity": spec.severity.value,
        "covers": ", ".join(spec.covers),
        "effects": spec.effects.value,
        "needs": ", ".join(sorted(needed_capabilities(one))),
        "source": one.source,
    }
    for name, value in rows.items():
        click.echo(f"  {name:<9} {value}")
    if spec.why:
        click.echo(f"\nWhy\n  {spec.why}")
    click.echo("\nExpects")
    for name, expectation in spec.expectations().items():
        click.echo(f"  {name} {expectation.matcher.replace('_', ' ')} {getattr(expectation, expectation.matcher)}")
    click.echo("\nSeeded defects (what turns it red)")
    for defect in spec.defect:
        click.echo(f"  {defect.name}  →  {', '.join(defect.fails)}")
    if spec.remedy:
        click.echo("\nRemedy\n  " + spec.remedy.strip().replace("\n", "\n  "))


def _unknown(identifier: str, known: list[str]) -> Exception:
    import difflib

    from gonogo.core.errors import UsageError

    ends = [one for one in known if one.endswith(f"/{identifier}")]
    close = ends or difflib.get_close_matches(identifier, known, n=3)
    hint = f"; did you mean {', '.join(close)}?" if close else ""
    return UsageError(f"unknown verification {identifier!r}{hint}")
