"""The drill of a promoted standby behind a network that hides something."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gonogo.pg.sessions import session
from gonogo.runners.drill import run_drill
from gonogo.stacks.interfaces import PostgresServer

if TYPE_CHECKING:
    from tests.func.conftest import Running

ID = "restore_drills/standby_promoted"
DELAY_SECONDS = 0.3
SLACK_SECONDS = 0.1  # a busy host may look at the standby late


def asked(server: PostgresServer, statement: str) -> list[tuple[object, ...]]:
    with session(server.dsn()) as connection:
        return connection.execute(statement.encode()).fetchall()


def test_what_is_under_way_at_the_disaster_is_lost_and_nothing_else_is_touched(
    fresh_stack: Callable[..., Running],
) -> None:
    standby = {"synchronous": False, "through_proxy": {"delay": f"{DELAY_SECONDS * 1000:.0f}ms"}}
    running = fresh_stack(stack_changes={"services.db.standbys.replica": standby})
    context, kept = running.context(ID, seconds=200)

    run_drill(context, running.inputs.verifications[ID].spec)

    assert kept.value("rpo") >= DELAY_SECONDS - SLACK_SECONDS, "the copy went on receiving after the disaster"
    assert kept.value("acknowledged_rows_lost") > 0
    assert kept.value("rows_missing_from_backup") == 0, "it may be a second behind"
    assert kept.value("holes") == kept.value("fingerprints_differ") == 0
    phases = [entry.subject for entry in kept.observations if entry.name == "phase_seconds"]
    assert phases[:3] == ["promote", "snapshot", "application"]
    primary = running.stack.postgres()
    assert asked(primary.standbys["replica"], "SELECT pg_is_in_recovery()") == [(True,)]
    assert asked(primary, "SELECT application_name FROM pg_stat_replication") == [("replica",)]
    assert asked(primary.standbys["replica"], "SELECT count(*) FROM pg_stat_replication") == [(0,)]
