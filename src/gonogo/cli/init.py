"""`gonogo init`: a first stack file from a Compose project, an OpenAPI document, or both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gonogo.cli._options import reported

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option("--from-compose", "compose", type=FILE, help="A Compose file: its services become the stack's.")
@click.option("--openapi", metavar="FILE|URL", help="An OpenAPI 3 document: the contract is proposed from it.")
@click.option("--out", type=FILE, default=Path("stack.yaml"), show_default=True, help="Where to write the stack file.")
@click.option("--name", help="Name of the stack; default: that of the Compose project.")
@click.option("--app", "application", metavar="SERVICE", help="The Compose service that is the application.")
@click.option("--as-is", is_flag=True, help="The stack runs the Compose project itself, on docker.")
@click.option("--external", is_flag=True, help="For something that already runs: it is only read.")
@click.option("--url", help="With --external: where the application answers.")
@click.option("--force", is_flag=True, help="Overwrite the file.")
@reported
def command(out: Path, force: bool, **given: Any) -> None:
    """Write a first stack file. Says what was found, what is a guess and what you must fill in; starts nothing.

    Secrets of the Compose file are never copied: they become references to environment variables.
    """
    from gonogo.core.errors import UsageError
    from gonogo.engine.init.draft import Wanted, draft, write

    if given["compose"] is None and not given["external"]:
        raise UsageError("init needs --from-compose FILE, or --external for something that already runs")
    if given["as_is"] and (given["external"] or given["compose"] is None):
        raise UsageError("--as-is goes with --from-compose, and not with --external")
    if given["url"] and not given["external"]:
        raise UsageError("--url goes with --external")
    if out.exists() and not force:
        raise UsageError(f"{out} is there already; --force overwrites it, --out names another")
    made = draft(Wanted(out=out, **given))
    write(made, out, force=force)
    click.echo(f"wrote {out}")
    for text in made.todo:
        click.echo(f"  TODO {text}")
    click.echo("Next:")
    for variable, default in made.needs.items():
        click.echo(f"  export {variable}={_quoted(default) if default is not None else '…'}")
    click.echo(f"  gonogo doctor --stack {out}   # tries every request that only reads, and says what does not fit")
    click.echo(f"  gonogo plan --stack {out}     # what a gate would run")
    click.echo(f"  gonogo gate --stack {out}")


def _quoted(text: str) -> str:
    import shlex

    return shlex.quote(text)
