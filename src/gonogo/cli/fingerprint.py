"""`gonogo fingerprint`: the facts of a live database, to compare its backups with."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gonogo.cli._options import reported
from gonogo.core.errors import NotMeasurable
from gonogo.core.outcome import ExitCode


@click.command()
@click.argument("dsn")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The facts file that is written."
)
@reported
def command(dsn: str, out: Path) -> None:
    """Write down what a live database holds, to compare a restored backup with on another day.

    DSN is a connection string or URL of a superuser (others do not see every row); a password may come from PGPASSWORD
    or ~/.pgpass. The session is read-only. The file holds names, definitions, row counts and hashes of all tables: no
    rows, no passwords. The same database gives the same bytes.
    """
    from gonogo.engine.portraits import write_portrait

    try:
        portrait = write_portrait(dsn, out)
    except NotMeasurable as error:
        click.echo(f"gonogo: {error}", err=True)
        sys.exit(ExitCode.HOLD)
    fingerprint = portrait.fingerprint
    click.echo(
        f"{out}: database {portrait.database} on PostgreSQL {portrait.server['version']}, {fingerprint.rows:,} rows in "
        f"{len(fingerprint.tables)} tables, {fingerprint.things} things to compare"
    )
