"""`gonogo selftest`: can the verifications fail?"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from gonogo.cli._options import FOLDER, WHAT, option, options, reported

if TYPE_CHECKING:
    from gonogo.engine.matrix import Matrix


@click.command()
@options(WHAT)
@option(
    "--runtime",
    type=click.Choice(["auto", "docker", "embedded"]),
    default="auto",
    show_default=True,
    help="How the stack is run.",
)
@option(
    "--out",
    type=FOLDER,
    default=None,
    help="Where the evidence of what is not proven is kept. Default: reports/selftest/<id>.",
)
@click.option("--drills", is_flag=True, help="Instead: show broken backups of every kind to `gonogo verify-backup`.")
@click.option("--seed", type=int, default=1, show_default=True, help="With --drills: what the backups are drawn from.")
@click.option(
    "--members",
    type=click.IntRange(min=1),
    default=None,
    help="With --drills: how many broken backups. Default: every mutation once, of the methods that it suits.",
)
@click.option("--strict", is_flag=True, help="Also 3 when an expectation is green that no defect here could turn red.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print {rows, proven, total, …} on standard output and nothing else there."
)
@click.option("-q", "--quiet", is_flag=True, help="Only the matrix.")
@reported
def command(out: Path | None, as_json: bool, quiet: bool, **given: Any) -> None:
    """Run every verification on the healthy stack (green) and on each of its seeded defects (red); print the matrix.

    Every defect is put into a fresh copy that gonogo starts and ends itself, never into something that already runs.
    Defects that the stack or its runtime cannot have are named with the reason, and not counted.

    With --drills no stack runs: a small database is backed up by every method, hundreds of broken backups are made of
    it (cut, with flipped bits, of another day, without policies …), and `gonogo verify-backup` has to find each that an
    oracle calls broken: it restores them with PostgreSQL's own programs and compares every row and definition. --only
    then takes ids METHOD/MUTATION/NUMBER, as they are printed; together with the seed they make a backup again.

    Exit code 0: every defect that the stack can have was noticed; 1: one was not, or a verification is not green on the
    healthy stack; 3: interrupted, or nothing could be shown.
    """
    from gonogo.engine.services import new_run_id

    folder = (out or Path("reports/selftest") / new_run_id()).absolute()
    began = time.monotonic()

    def tell(message: str) -> None:
        if not quiet:
            click.echo(f"{time.monotonic() - began:7.1f}s {message}", err=True)

    if given.pop("drills"):
        _drills(folder, tell, as_json=as_json, **{name: given[name] for name in ("seed", "members", "only")})
    else:
        _selftest(folder, tell, as_json=as_json, **given)


def _selftest(folder: Path, tell: Callable[[str], None], *, as_json: bool, strict: bool, **given: Any) -> NoReturn:
    from gonogo.cli._run import DEFAULTS, run_options
    from gonogo.engine.matrix import summary
    from gonogo.engine.selftest import selftest

    chosen = run_options(kinds=(), identifiers=(), command="gonogo selftest", **{**DEFAULTS, **given})
    began = time.monotonic()
    matrix = selftest(chosen, folder, tell, strict=strict)
    if as_json:
        click.echo(json.dumps(matrix.to_json(), indent=2, ensure_ascii=False))
    else:
        _print(matrix)
        click.echo(summary(matrix, time.monotonic() - began))
        click.echo(f"evidence of the healthy run, and of what is not proven: {folder}")
    sys.exit(int(matrix.exit_code))


def _drills(folder: Path, tell: Callable[[str], None], *, as_json: bool, **given: Any) -> NoReturn:
    from gonogo.cli._corpus import printed
    from gonogo.engine.corpus import drills
    from gonogo.engine.corpus.matrix import summary
    from gonogo.engine.corpus.plan import CorpusOptions

    began = time.monotonic()
    matrix = drills(CorpusOptions(out=folder, **given), tell)
    if as_json:
        click.echo(json.dumps(matrix.to_json(), indent=2, ensure_ascii=False))
    else:
        printed(matrix)
        click.echo(summary(matrix, time.monotonic() - began))
    sys.exit(int(matrix.exit_code))


def _print(matrix: Matrix) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("verification", "healthy", "seeded defect", "on it", "must be red", "proven"):
        table.add_column(title, overflow="fold")
    for row in matrix.rows:
        proven = "[green]yes[/green]" if row.proven else "[red]NO[/red]" if row.counts else "[dim]not shown[/dim]"
        missed = set(row.fails) - set(row.red)
        names = ", ".join(f"[red]{name}[/red]" if row.shown and name in missed else name for name in row.fails)
        table.add_row(row.id, row.healthy, row.defect_name.replace("[", "\\["), row.defect or "-", names, proven)
    Console(highlight=False).print(table)
    for row in matrix.rows:
        if row.reason and not row.proven:
            click.echo(f"{row.id} [{row.defect_name}]: {row.reason}")
    for identifier, name in matrix.unseen:
        click.echo(f"{identifier}: {name} is green, and no defect that this stack can have would turn it red")
    for identifier in matrix.undefended:
        click.echo(f"{identifier}: has no seeded defect, so nobody has seen it fail")
