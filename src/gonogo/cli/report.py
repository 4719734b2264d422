"""`gonogo report`: write the reports of a judged run again."""

from __future__ import annotations

import json
from pathlib import Path

import click

from gonogo.cli._options import reported


@click.command()
@click.argument("run_directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--format", "formats", multiple=True, help="html, junit, markdown …; default: all.")
@reported
def command(run_directory: Path, formats: tuple[str, ...]) -> None:
    """Write the reports of RUN_DIRECTORY from its run.json (judging it first where it has none)."""
    from gonogo.judge.run import judge, judgement_bytes
    from gonogo.reports import write_all
    from gonogo.rundir.directory import RUN
    from gonogo.rundir.files import write_atomically

    if not (run_directory / RUN).is_file():
        write_atomically(run_directory / RUN, judgement_bytes(judge(run_directory)))
    record = json.loads((run_directory / RUN).read_text())
    for path in write_all(record, run_directory, formats or None):
        click.echo(path)
