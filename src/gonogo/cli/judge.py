"""`gonogo judge`: judge a run directory again, offline."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gonogo.cli._options import reported

if TYPE_CHECKING:
    from gonogo.core.plan import ResolvedPolicy


@click.command()
@click.argument("run_directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--as-of", default=None, metavar="INSTANT", help="Judge as of this ISO instant (waivers, validity).")
@click.option(
    "--policy",
    default=None,
    help="Judge by another policy: its limits, gates, weights, acceptances and waivers, on what was measured then.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the judgement on standard output and nothing else there.")
@reported
def command(run_directory: Path, as_of: str | None, policy: str | None, as_json: bool) -> None:
    """Judge RUN_DIRECTORY from its evidence alone; the same bytes as run.json, on any machine.

    With --as-of or --policy the new judgement is written beside the old one.
    """
    from gonogo.judge.run import judge, judgement_bytes
    from gonogo.rundir.directory import RUN
    from gonogo.rundir.files import write_atomically

    instant = _instant(as_of) if as_of else None
    judgement = judge(run_directory, as_of=instant, policy=_policy(policy) if policy else None)
    content = judgement_bytes(judgement)
    name = RUN if instant is None and policy is None else f"run.{judgement.policy}.{judgement.judged_as_of[:10]}.json"
    if not (run_directory / RUN).exists() or name != RUN:
        write_atomically(run_directory / name, content)
    if as_json:
        click.echo(content, nl=False)
    else:
        click.echo(f"{judgement.verdict.value}: {judgement.headline}")
        if (run_directory / RUN).read_bytes() != content and name == RUN:
            click.echo(f"gonogo: {run_directory / RUN} differs from this judgement", err=True)
    sys.exit(judgement.exit_code)


def _instant(text: str) -> datetime:
    from gonogo.core.errors import UsageError

    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--as-of {text!r} is not an ISO instant such as 2027-01-31T12:00:00+00:00") from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _policy(name: str) -> ResolvedPolicy:
    from gonogo.engine.inputs import load_policy, resolve_policy

    return resolve_policy(load_policy(name))
