"""`gonogo list`: everything that can be verified."""

from __future__ import annotations

import json
from pathlib import Path

import click

from gonogo.cli._options import FOLDER, option, reported
from gonogo.cli._rows import print_rows


@click.command()
@click.argument("patterns", nargs=-1)
@option("--content", multiple=True, type=FOLDER, help="A folder of your own checks, profiles, scenarios, drills.")
@click.option("--json", "as_json", is_flag=True, help="A list of {id, kind, title, area, severity, covers, needs}.")
@reported
def command(patterns: tuple[str, ...], content: tuple[Path, ...], as_json: bool) -> None:
    """List verifications: id, severity, title. PATTERNS are globs over ids; quote them.

    `gonogo list 'checks/isolation/*'` lists those of one area, `gonogo list '*failover*'` those with a word.
    """
    from fnmatch import fnmatchcase

    from gonogo.core.memory import remembering
    from gonogo.spec.content import find_verifications
    from gonogo.stacks.local.cache import memory_file

    with remembering(memory_file()) as memory:
        found = find_verifications(content, memory)
    chosen = {key: one for key, one in found.items() if not patterns or any(fnmatchcase(key, p) for p in patterns)}
    if as_json:
        click.echo(json.dumps([_row(key, one) for key, one in chosen.items()], indent=2, ensure_ascii=False))
        return
    print_rows([(key, one.spec.severity.value, one.spec.title) for key, one in chosen.items()])
    click.echo(f"{len(chosen)} verifications", err=True)


def _row(key: str, one: object) -> dict[str, object]:
    from gonogo.engine.plan import needed_capabilities
    from gonogo.spec.content import Verification

    assert isinstance(one, Verification)
    spec = one.spec
    return {
        "id": key,
        "kind": one.kind.value,
        "title": spec.title,
        "area": one.area.value,
        "severity": spec.severity.value,
        "covers": list(spec.covers),
        "needs": sorted(needed_capabilities(one)),
    }
