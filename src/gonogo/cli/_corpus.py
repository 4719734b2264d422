"""The matrix of `gonogo selftest --drills`, for people."""

from __future__ import annotations

from string import ascii_lowercase

import click
from rich.console import Console
from rich.table import Table

from gonogo.engine.corpus.matrix import CorpusMatrix, Judged

WIDE = 160
SHOWN = (Judged.CAUGHT, Judged.HELD, Judged.MISSED, Judged.PASSED, Judged.ALARM, Judged.NOT_TRIED)


def printed(matrix: CorpusMatrix) -> None:
    """Mutations down, methods across, what came of the members at the end; then each that shows a mistake."""
    counts = matrix.counts()
    methods = list(dict.fromkeys(method for method, _ in counts))
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1))
    table.add_column("mutation", no_wrap=True)
    for letter, _ in zip(ascii_lowercase, methods, strict=False):
        table.add_column(letter, justify="right", no_wrap=True)
    for title in SHOWN:
        table.add_column(title.value.removeprefix("false ").replace("not ", "un"), justify="right", no_wrap=True)
    for mutation in sorted({name for _, name in counts}):
        cells = [counts.get((method, mutation)) for method in methods]
        total = [sum(cell[title] for cell in cells if cell) for title in SHOWN]
        wrong = [bool(cell and (cell[Judged.MISSED] or cell[Judged.ALARM])) for cell in cells]
        texts = [str(cell.total()) if cell else "·" for cell in cells]
        marked = [f"[red]{text}![/red]" if bad else text for text, bad in zip(texts, wrong, strict=True)]
        table.add_row(mutation, *marked, *(str(number) if number else "·" for number in total))
    console = Console(highlight=False)
    if not console.is_terminal:  # one line each in a pipe
        console = Console(highlight=False, width=WIDE)
    console.print(table)
    legend = (f"{letter} {method}" for letter, method in zip(ascii_lowercase, methods, strict=False))
    click.echo("members by method: " + ", ".join(legend))
    for one in matrix.tried:
        if one.judged in {Judged.MISSED, Judged.ALARM, Judged.NOT_TRIED}:
            click.echo(f"{one.judged}: {one.id}: {one.what}")
            click.echo(
                f"  the oracle: {one.broken or 'as good as the healthy one'}; verify-backup: {one.verdict} {one.reason}"
            )
            click.echo(
                f"  again: gonogo selftest --drills --seed {matrix.seed} --only '{one.id}'; kept: {one.kept or '-'}"
            )
