"""The probes that ask a real server: what they see, and when they refuse to say anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from gonogo.core.errors import NotMeasurable
from gonogo.core.observation import Observation
from gonogo.pg.sessions import session
from gonogo.probes.declared_backups import PROBE as DECLARED_BACKUPS
from gonogo.probes.declared_backups import DeclaredBackupsParameters
from gonogo.probes.migrations import PROBE as MIGRATIONS
from gonogo.probes.migrations import MigrationsParameters
from gonogo.probes.sql import PROBE, SqlParameters
from gonogo.probes.standby_parity import PROBE as STANDBY_PARITY
from gonogo.probes.standby_parity import StandbyParityParameters


@pytest.fixture
def ask(reference_stack: Any) -> Any:
    """What the sql probe observes on the reference stack."""

    def observe(seconds: float = 60.0, **parameters: Any) -> list[Observation]:
        context, _ = reference_stack.context("checks/test/sql", seconds=seconds)
        return list(PROBE.observe(context, SqlParameters.model_validate(parameters)))

    return observe


def test_the_rows_of_violations_are_the_subjects(ask: Any, reference_stack: Any) -> None:
    (found,) = ask(
        examined="SELECT count(*) FROM unnest(CAST(:tables AS regclass[]))",
        violations="SELECT t, 'of ' || :owner_role FROM unnest(CAST(:tables AS regclass[])) t WHERE t::text LIKE 'ch%'",
    )

    assert (found.name, found.n) == ("violations", 3)
    assert found.value == ("chunks: of rag_owner",)
    assert "chunks: of rag_owner" in (reference_stack.directory.path / found.evidence).read_text()


def test_columns_are_observations_with_their_units(ask: Any) -> None:
    found = ask(value="SELECT 0.5 AS share, interval '2 min' AS age, 7 AS n, NULL AS nothing", units={"age": "s"})

    seen = [(one.name, one.value, one.unit, one.n) for one in found]
    assert seen == [("share", 0.5, "", 7), ("age", 120.0, "s", 7), ("nothing", None, "", 7)]


def test_a_variable_of_the_application_comes_from_the_stack_file(ask: Any) -> None:
    (found,) = ask(value="SELECT CAST(:pool_max AS int) AS pool_max", variables={"pool_max": "POOL_MAX"})

    assert found.value == 10


def test_rows_are_told_apart_by_their_subject(ask: Any) -> None:
    found = ask(value="SELECT t AS subject, length(t) AS letters FROM unnest(CAST(:vector_tables AS text[])) t")

    assert [(one.subject, one.name, one.value) for one in found] == [("chunks", "letters", 6)]


def test_every_standby_is_asked_for_itself(ask: Any) -> None:
    (found,) = ask(on="each_standby", value="SELECT pg_is_in_recovery() AS in_recovery")

    assert (found.subject, found.value) == ("replica", True)


def test_a_plain_session_shows_the_limits_of_the_application_and_not_our_own(ask: Any) -> None:
    statement = "SELECT current_setting('statement_timeout') AS statement_timeout"

    assert ask(role="application", session="plain", value=statement)[0].value == "10s"
    assert ask(role="application", timeout="7s", value=statement)[0].value == "7s"


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"examined": "SELECT count(*) FROM pg_class WHERE false", "violations": "SELECT 1"}, "nothing to examine"),
        ({"examined": "SELECT 'many'", "violations": "SELECT 1"}, "one number"),
        ({"examined": "SELECT count(*) FROM no_such_table", "violations": "SELECT 1"}, "no_such_table.*not exist"),
        (
            {"value": "SELECT rolpassword FROM pg_authid", "role": "application"},
            "permission denied for table pg_authid",
        ),
        ({"value": "SELECT pg_sleep(5)", "timeout": "200ms"}, "statement timeout"),
        ({"value": "SELECT 1 AS one WHERE false"}, "gave no row"),
        ({"value": "SELECT 1 AS one FROM pg_class"}, "no column 'subject'"),
        ({"value": "CREATE TABLE left_behind (x int)"}, "read-only"),
        ({"value": "SELECT count(*) AS rows FROM chunks", "role": "owner"}, "row-level security"),
        ({"value": "SELECT :unknown"}, "syntax error"),
        ({"value": "SELECT 1 AS one", "on": "db/nowhere"}, "no PostgreSQL service"),
        (
            {"value": "SELECT 1", "role": "application", "requires": "pg_read_all_stats"},
            "rag_app does not have pg_read",
        ),
        ({"value": "SELECT :workers", "variables": {"workers": "WORKERS"}}, "sets no WORKERS"),
    ],
)
def test_what_cannot_be_measured_is_said_in_the_words_of_the_server(
    ask: Any, parameters: dict[str, Any], reason: str
) -> None:
    with pytest.raises(NotMeasurable, match=f"(?s){reason}"):
        ask(**parameters)


def test_a_declared_table_that_does_not_exist_is_not_measurable(fresh_stack: Any) -> None:
    stack = fresh_stack(stack_changes={"data.tables.archive": {"tenant": "tenant_id"}})
    context, _ = stack.context()
    parameters = SqlParameters(
        examined="SELECT count(*) FROM unnest(CAST(:tenant_tables AS regclass[]))", violations="SELECT 1 WHERE false"
    )

    with pytest.raises(NotMeasurable, match='relation "archive" does not exist'):
        list(PROBE.observe(context, parameters))


def test_a_check_has_one_form() -> None:
    for wrong in ({}, {"examined": "SELECT 1"}, {"value": "SELECT 1", "violations": "SELECT 1"}):
        with pytest.raises(ValidationError, match="either examined and violations, or value"):
            SqlParameters.model_validate(wrong)


def test_without_declared_backups_nobody_knows_what_would_be_lost(fresh_stack: Any) -> None:
    context, _ = fresh_stack(stack_changes={"backups": None}).context()

    with pytest.raises(NotMeasurable, match="declares no backups"):
        list(DECLARED_BACKUPS.observe(context, DeclaredBackupsParameters()))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"files": ("versions/*.py",)}, "no file"),
        ({"version": "(nothing)$"}, "finds nothing"),
        ({"applied": "SELECT version FROM alembic_version"}, "alembic_version"),
    ],
)
def test_migrations_that_cannot_be_compared_are_not_measurable(
    reference_stack: Any, changes: dict[str, Any], reason: str
) -> None:
    context, _ = reference_stack.context()

    with pytest.raises(NotMeasurable, match=reason):
        list(MIGRATIONS.observe(context, MigrationsParameters(**changes)))


def test_a_standby_that_stopped_replaying_is_seen_and_its_tables_are_not_judged(fresh_stack: Any) -> None:
    stack = fresh_stack()
    with session(stack.stack.postgres("db/replica").dsn()) as connection:
        connection.execute("SELECT pg_wal_replay_pause()")
    context, _ = stack.context()

    found = {
        one.name: one
        for one in STANDBY_PARITY.observe(context, StandbyParityParameters.model_validate({"patience": "1s"}))
    }

    assert found["replay_paused"].value is True
    assert (found["replay"].value, found["replay"].lower_bound) == (1.0, True)
    assert "tables_that_differ" not in found


def test_a_standby_cannot_be_compared_by_a_table_that_is_not_there(reference_stack: Any) -> None:
    context, _ = reference_stack.context()

    with pytest.raises(NotMeasurable, match="no table nowhere"):
        list(STANDBY_PARITY.observe(context, StandbyParityParameters(tables=("nowhere",))))


def test_an_index_of_a_table_that_was_never_analysed_has_no_size_at_production(fresh_stack: Any) -> None:
    check = Path(__file__).parents[3] / "checks/capacity/vector_index_fits_in_memory.yaml"
    parameters = SqlParameters.model_validate(yaml.safe_load(check.read_text())["with"])
    stack = fresh_stack()

    def shares() -> list[Any]:
        context, _ = stack.context("checks/test/sql")
        return [one.value for one in PROBE.observe(context, parameters)]

    assert all(isinstance(one, float) or float(one) > 0 for one in shares())
    with session(stack.stack.postgres().dsn()) as connection:
        connection.execute("UPDATE pg_class SET reltuples = -1 WHERE oid = 'chunks'::regclass")
    assert shares() == [None, None]
