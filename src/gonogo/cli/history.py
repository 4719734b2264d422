"""`gonogo history`: what earlier runs came to, and what has become worse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gonogo.cli._options import option, reported
from gonogo.cli._rows import print_rows

if TYPE_CHECKING:
    from gonogo.reports.trend import Trend
    from gonogo.rundir.history import Entry, History

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("ids", nargs=-1)
@option("--history", type=FILE, default="reports/history.sqlite", show_default=True, help="The file.")
@option("--stack", default=None, help="Only runs on this stack.")
@click.option("--last", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many, newest first.")
@click.option("--html", "page", type=FILE, default=None, help="Write one page with the plots of IDS, or of everything.")
@click.option("--export", is_flag=True, help="Print every run as a line of JSON: to keep in CI's cache, or in git.")
@click.option("--import", "merged", type=FILE, default=None, help="Add the runs of exported lines; those known stay.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output and nothing else there.")
@reported
def command(ids: tuple[str, ...], history: Path, **given: Any) -> None:
    """List earlier runs; with IDS, each run of these verifications with its numbers and their trend.

    IDS are ids or globs over them ('*pg_dump*'). A number has become worse when the newest one lies beyond the median
    of those before it, on the same stack and runtime, by more than a tenth and more than three times their median
    absolute deviation; at least five earlier ones are needed.
    """
    from gonogo.rundir.history import History

    kept, shown = History(history), {"stack": given["stack"], "last": given["last"], "as_json": given["as_json"]}
    if (lines := given["merged"]) is not None:
        added = kept.merge(lines.read_text(encoding="utf-8").splitlines(), source=str(lines))
        click.echo(f"{added} runs added to {history}", err=True)
    elif (page := given["page"]) is not None:
        _write_page(kept, _chosen(kept, ids) if ids else kept.items(), page, stack=given["stack"], last=given["last"])
    elif given["export"]:
        for line in kept.exported():
            click.echo(line)
    elif ids:
        _print_items(kept, _chosen(kept, ids), **shown)
    else:
        _print_runs(kept, **shown)


def _chosen(history: History, patterns: tuple[str, ...]) -> list[str]:
    from fnmatch import fnmatchcase

    from gonogo.core.errors import UsageError

    known = history.items()
    chosen: dict[str, None] = {}
    for pattern in patterns:
        hits = [one for one in known if fnmatchcase(one, pattern) or one.endswith(f"/{pattern}")]
        if not hits:
            raise UsageError(f"{history.path} holds no run of {pattern!r}; `gonogo history` lists the runs")
        chosen.update(dict.fromkeys(hits))
    return list(chosen)


def _write_page(history: History, chosen: list[str], target: Path, *, stack: str | None, last: int) -> None:
    from gonogo.core.errors import UsageError
    from gonogo.reports.history_page import page
    from gonogo.rundir.files import write_atomically

    found = {one: entries for one in chosen if (entries := history.entries(one, stack=stack, last=last))}
    if not found:
        raise UsageError(f"{history.path} holds no run to be shown; `gonogo history` lists the runs")
    write_atomically(target, page(found).encode())
    click.echo(f"{target}: {len(found)} verifications", err=True)


def _print_runs(history: History, *, stack: str | None, last: int, as_json: bool) -> None:
    from gonogo.reports.view import instant

    runs = history.runs(last=last, stack=stack)
    if as_json:
        click.echo(json.dumps(runs, indent=2, ensure_ascii=False))
    elif not runs:
        click.echo(
            f"no runs in {history.path}; every gate, check, load, chaos, drill and verify-backup adds one", err=True
        )
    else:
        print_rows(
            [
                (instant(run["at"]), run["verdict"], f"{run['stack']} on {run['runtime']}", run["headline"])
                for run in runs
            ]
        )


def _print_items(history: History, chosen: list[str], *, stack: str | None, last: int, as_json: bool) -> None:
    from gonogo.reports.trend import trends_of

    found = {one: history.entries(one, stack=stack, last=last) for one in chosen}
    if as_json:
        click.echo(json.dumps([_item(one, entries) for one, entries in found.items()], indent=2, ensure_ascii=False))
        return
    for position, (identifier, entries) in enumerate(found.items()):
        click.echo(f"{chr(10) * (position > 0)}{identifier}")
        print_rows([_row(entry) for entry in entries], indent="  ")
        if trends := trends_of(entries):
            click.echo("  trend, oldest first")
            print_rows([_trend(one) for one in trends], indent="    ")


def _row(entry: Entry) -> tuple[str, ...]:
    from gonogo.reports.view import instant

    where = f"{entry.stack} on {entry.past.runtime}"
    return (instant(entry.past.at), entry.past.outcome, where, entry.revision or "", entry.past.reason)


def _trend(trend: Trend) -> tuple[str, ...]:
    from gonogo.core.quantity import format_value

    usual = "" if trend.usual is None else f"usually {format_value(trend.usual, trend.unit)}"
    return (trend.label, trend.line, format_value(trend.newest, trend.unit), usual, "WORSE" if trend.worse else "")


def _item(identifier: str, entries: list[Entry]) -> dict[str, Any]:
    from dataclasses import asdict

    from gonogo.reports.trend import trends_of

    return {
        "id": identifier,
        "runs": [asdict(one) for one in entries],
        "trends": [asdict(one) for one in trends_of(entries)],
    }
