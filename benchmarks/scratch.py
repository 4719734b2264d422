"""A throw-away server: from gonogo's empty template against initdb, to the first answer of SQL."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

from benchmarks._result import Claim, Options, Result, Table
from benchmarks._vectors import SMALL_ROWS, Filled, filled
from gonogo.pg.sessions import session
from gonogo.stacks.interfaces import PostgresServer, Role, ScratchRequest
from gonogo.stacks.local import cluster
from gonogo.stacks.local.account import unprivileged
from gonogo.stacks.local.server import LocalPostgres
from gonogo.stacks.services.postgres import create_database

LIMIT_SECONDS, LIMIT_SHARE = 0.060, 0.2
NOTE = """\
Both end with a server that has a database, the roles and passwords of the run, and answers SQL. The
template is copied (with reflinks where the file system has them); gonogo mounts no overlay."""


def measure(options: Options) -> Result:
    """Start and discard servers in turns."""
    rounds = options.count(small=3, full=15)
    with filled(SMALL_ROWS) as made:
        _from_template(made)  # makes the template
        pairs = [(_from_template(made), _from_nothing(made)) for _ in range(rounds)]
    template, nothing = (median(values) for values in zip(*pairs, strict=True))
    share = template / nothing
    return Result(
        claims=[
            Claim(
                text=f"A throw-away server answers within {LIMIT_SECONDS * 1000:.0f} ms, or within {LIMIT_SHARE} of "
                "what it takes from initdb",
                measured=f"{template * 1000:.0f} ms, {share:.2f} of it; medians of {rounds}",
                holds=template <= LIMIT_SECONDS or share <= LIMIT_SHARE,
                of_time=True,
            )
        ],
        tables=[
            Table(
                title="To the first answer, medians",
                columns=("from", "ms"),
                rows=[["template", round(template * 1000)], ["initdb", round(nothing * 1000)]],
            )
        ],
        notes=[NOTE],
    )


def _from_template(made: Filled) -> float:
    began = time.monotonic()
    with made.context.stack.scratch_postgres(ScratchRequest(name="template"), made.context.deadline) as target:
        return _answered(target, began)


def _from_nothing(made: Filled) -> float:
    source = made.source
    assert isinstance(source, LocalPostgres)
    password = source.roles[Role.ADMIN].password

    def fill(data: Path) -> None:
        cluster.initialise(
            source.binaries, unprivileged(), data, password, checksums=True, run_id=made.context.run.run_id
        )

    began = time.monotonic()
    request = ScratchRequest(name="nothing", fill=fill)
    with made.context.stack.scratch_postgres(request, made.context.deadline) as target:
        assert isinstance(target, LocalPostgres)
        create_database(target)
        return _answered(target, began)


def _answered(target: PostgresServer, began: float) -> float:
    with session(target.dsn()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    return time.monotonic() - began
