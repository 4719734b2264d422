"""`gonogo schema`: JSON schemas for editors."""

from __future__ import annotations

from pathlib import Path

import click

from gonogo.cli._options import FOLDER, reported


@click.command()
@click.argument("name", required=False)
@click.option("--write", "folder", type=FOLDER, default=None, help="Write all schemas into this folder.")
@reported
def command(name: str | None, folder: Path | None) -> None:
    """Print the JSON schema of one kind of file (stack, suite, policy, check, load, chaos, drill, run) or write all.

    In an editor: `# yaml-language-server: $schema=config/schema/check.schema.json` as the first line of a file.
    """
    from gonogo.core.errors import UsageError
    from gonogo.reports.schema import run_schema_text
    from gonogo.spec.schema import MODELS, schema_text, write_schemas

    if folder is not None:
        for path in write_schemas(folder):
            click.echo(path)
    elif name == "run":
        click.echo(run_schema_text(), nl=False)
    elif name in MODELS:
        click.echo(schema_text(name), nl=False)
    else:
        raise UsageError(f"name one of: {', '.join([*MODELS, 'run'])}; or --write FOLDER")
