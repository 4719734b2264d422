"""What already runs is only read: a whole gate leaves every table, role and setting as it was."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from tests.func.cli.gonogo import Ended, gonogo, run_json
from tests.func.external.handmade import PASSWORDS, HandMade, digest, everything

from gonogo.core.deadline import Deadline
from gonogo.core.errors import UsageError
from gonogo.engine.inputs import RunOptions
from gonogo.engine.run import Observer, run
from gonogo.pg.sessions import session
from gonogo.probes.standby_parity import Replay

PARITY = "checks/replication/standby_answers_like_the_primary"


def gate(made: HandMade, out: Path, *words: str | Path, environment: dict[str, str] | None = None) -> Ended:
    """A gate on the hand-made stack."""
    stack = () if "--stack" in words else ("--stack", made.stack_file())
    return gonogo("gate", *stack, *words, "--out", out, environment={**made.environment, **(environment or {})})


def findings(out: Path) -> dict[str, dict[str, Any]]:
    """The findings of a run by id."""
    return {one["id"]: one for one in run_json(out)["findings"]}


def test_a_whole_gate_changes_nothing(made: HandMade, tmp_path: Path) -> None:
    """All checks, loads, drills and scenarios: what would write is refused, and the rest wrote nothing."""
    before = everything(made.db)
    hook = "disposable: true\nhooks: {failover: {command: 'false', heal: 'false'}}\n"  # not without --allow-destructive
    stack = made.stack_file("disposable", hook)
    ended = gate(made, tmp_path / "run", "--policy", "production", "--stack", stack)
    after = everything(made.db)
    assert {what for what in before if before[what] != after.get(what)} == set()
    assert digest(before) == digest(after)
    assert ended.code in {0, 1, 3}, ended.err

    found = findings(tmp_path / "run")
    plan = {one["id"]: one for one in json.loads((tmp_path / "run/plan.json").read_text())["items"]}
    assert all(
        "--allow-destructive" in plan[name]["reason"] for name in ("chaos/failover", "checks/api/delete_deletes")
    )
    assert "2 (gentle_load)" in plan["loadtests/search_steady"]["reason"]
    assert "its settings are not changed" in plan["checks/vector_index/index_is_used"]["reason"]
    assert found[PARITY]["outcome"] == "PASS", found[PARITY]
    secrets = [password for password in PASSWORDS.values() if password in (tmp_path / "run/run.json").read_text()]
    assert secrets == []


def test_a_log_that_ends_within_a_record_is_replayed_as_far_as_it_goes(made: HandMade) -> None:
    """Without a commit the WAL writer flushes whole pages: the standby cannot have the rest of the last record yet.

    So it is after readers that leave hint bits and roll back. Sessions stay open: each new one may log something.
    """
    flushed, inserted = "pg_current_wal_flush_lsn()", "pg_current_wal_insert_lsn()"
    cut = f"SELECT {flushed}::text WHERE ({flushed} - '0/0') % 8192 = 0 AND {inserted} > {flushed}"
    logged = "SELECT pg_logical_emit_message(false, 'test', repeat('x', 100000))"
    with (
        session(made.db.dsn()) as writer,
        session(made.replica.dsn("visitor")) as visitor,
        session(made.replica.dsn()) as administrator,
    ):
        writer.execute("ALTER SYSTEM SET bgwriter_delay = '10s'")  # every 15 s it logs what flushes the rest
        writer.execute("SELECT pg_reload_conf()")
        try:
            time.sleep(0.5)
            for statement in ("BEGIN", logged, "ROLLBACK"):
                writer.execute(statement)
            Deadline.after(30).poll(
                lambda: bool(writer.execute(cut).fetchall()), every_seconds=0.02, what="a cut record"
            )
            ((lsn,),) = writer.execute(cut).fetchall()
            seen, unseen = Replay(administrator, lsn), Replay(visitor, lsn)
            assert (seen.shows(), unseen.shows()) == (False, False), "the position itself is not reached yet"
            assert (seen.is_cut_unseen, unseen.is_cut_unseen) == (False, True)
            Deadline.after(5).poll(seen.shows, every_seconds=0.02, what="the startup process waits for more")
        finally:
            writer.execute("ALTER SYSTEM RESET bgwriter_delay")
            writer.execute("SELECT pg_reload_conf()")


def test_a_server_that_logs_everything_is_captured_without_a_change(made: HandMade, tmp_path: Path) -> None:
    """What the application sends is read from the log that its owner keeps anyway."""
    captured = ("vector_index/operator_matches_the_opclass", "vector_index/recall_holds", "isolation/sql_leaks_nothing")
    made.db.ask("ALTER SYSTEM SET log_min_duration_statement = 0")
    made.db.ask("SELECT pg_reload_conf()")
    try:
        before = everything(made.db)
        gate(made, tmp_path / "run", *(word for name in captured for word in ("--only", f"checks/{name}")))
        assert everything(made.db) == before
    finally:
        made.db.ask("ALTER SYSTEM RESET log_min_duration_statement")
        made.db.ask("SELECT pg_reload_conf()")
    found = findings(tmp_path / "run")
    assert {name: found[f"checks/{name}"]["outcome"] for name in captured} == dict.fromkeys(captured, "PASS")


SQL_ONLY = (
    "checks/security/*", "checks/isolation/*", "checks/connections/*", "checks/replication/*", "checks/vector_index/*",
)  # fmt: skip


def outcomes(made: HandMade, out: Path, role: str) -> dict[str, dict[str, Any]]:
    """What a role that administers nothing, or everything, sees."""
    words = [word for one in SQL_ONLY for word in ("--only", one)]
    environment = {"DSN": made.db.dsn(role), "DSN_REPLICA": made.replica.dsn(role)}
    gate(made, out, *words, environment=environment)
    return findings(out)


def test_a_role_that_sees_less_never_says_more(made: HandMade, tmp_path: Path) -> None:
    """A managed service gives no superuser: what a role may not see is unknown and names what is missing."""
    superuser = outcomes(made, tmp_path / "postgres", "postgres")
    for role in ("watcher", "visitor"):
        seen = outcomes(made, tmp_path / role, role)
        for name, one in seen.items():
            assert one["outcome"] in {superuser[name]["outcome"], "UNKNOWN", "SKIPPED"}, (role, name, one)
        unknown = [one for one in seen.values() if one["outcome"] == "UNKNOWN"]
        assert all(one["reason"] for one in unknown)
    assert "pg_read_all_stats" in seen["checks/replication/standbys_stream"]["reason"]
    assert "permission denied" in seen["checks/security/passwords_are_scram"]["reason"]


@pytest.mark.parametrize(
    ("changes", "code", "part"),
    [
        ({"DSN": "{db} password=wrong-one"}, 3, "password authentication failed"),
        ({"DSN": "{db} dbname=postgres"}, 3, "does not exist"),
        ({"DSN": "{replica}", "DSN_REPLICA": "{replica}"}, 3, "leads to a standby"),
    ],
    ids=["wrong password", "empty database", "standby"],
)
def test_what_tells_nothing_is_never_a_go(
    made: HandMade, tmp_path: Path, changes: dict[str, str], code: int, part: str
) -> None:
    known = {"{db}": made.db.dsn(), "{replica}": made.replica.dsn()}
    for name, text in known.items():
        changes = {key: value.replace(name, text) for key, value in changes.items()}
    ended = gate(
        made, tmp_path / "run", "--only", "checks/vector_index/*", "--only", "checks/api/search_finds_the_known_answer",
        environment=changes,
    )  # fmt: skip
    text = ended.out + ended.err
    assert ended.code in {1, code}, text
    assert any(part in line for line in text.splitlines()), text
    assert "wrong-one" not in text


@pytest.mark.parametrize(
    ("lines", "policy", "said"),
    [
        ("", "", "does not say `disposable: true`"),
        ("disposable: true\nprotected: {hosts: [localhost]}\n", "", "its host 127.0.0.1 is protected (localhost)"),
        ("disposable: true\nprotected: {databases: ['ra*']}\n", "", "its database rag is protected (ra*)"),
        ("disposable: true\nprotected: {system_identifiers: [{id}]}\n", "", "its system identifier {id} is protected"),
        ("disposable: true\n", "protected: {databases: [rag]}\n", "its database rag is protected (rag)"),
    ],
    ids=["not disposable", "host", "database", "system identifier", "policy"],
)
def test_what_is_protected_is_refused_before_anything(
    made: HandMade, tmp_path: Path, lines: str, policy: str, said: str
) -> None:
    identifier = str(made.db.ask("SELECT system_identifier FROM pg_control_system()")[0][0])
    stack = made.stack_file("protected", lines.replace("{id}", identifier))
    (tmp_path / "policy.yaml").write_text(f"policy: mine\nextends: ci\n{policy}")
    child = tmp_path / "child.yaml"
    child.write_text(f"policy: child\nextends: {tmp_path}/policy.yaml\nprotected: {{hosts: [x.example]}}\n")
    options = RunOptions(stack=str(stack), policy=str(child), out=tmp_path / "run", allow_destructive=True)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in made.environment.items():
            patch.setenv(name, value)
        with pytest.raises(UsageError, match=re.escape(said.replace("{id}", identifier))):
            run(options, Observer())
    assert not (tmp_path / "run").exists()


def test_a_protected_identifier_that_cannot_be_read_is_refused(made: HandMade, tmp_path: Path) -> None:
    stack = made.stack_file("protected", "disposable: true\nprotected: {system_identifiers: [1]}\n")
    dead = {"DSN": "host=127.0.0.1 port=9 dbname=rag user=postgres"}
    ended = gate(made, tmp_path / "run", "--stack", stack, "--allow-destructive", environment=dead)
    assert ended.code == 2
    assert "--allow-destructive is refused for db" in ended.err
    assert "cannot be told" in ended.err
    assert not (tmp_path / "run").exists()


def test_a_gentle_load_runs_and_ends_at_the_first_429(made: HandMade, tmp_path: Path) -> None:
    """A profile within the limit runs on what is only read; a key with a small limit ends it at once."""
    profile = tmp_path / "loadtests" / "gentle.yaml"
    profile.parent.mkdir()
    profile.write_text(
        "title: Search answers a few users in time\nusers: search\narrivals: {rate: 20/s, spacing: even}\n"
        "duration: 4s\neffects: read\nuses: [rate_limit]\nexpect: {error_rate: {at_most: 10%}}\n"
    )
    stack = made.stack_file("gentle", "gentle_load: 20/s\n")
    common = ("--stack", stack, "--content", tmp_path, "--only", "loadtests/gentle")
    gate(made, tmp_path / "run", *common)
    found = findings(tmp_path / "run")["loadtests/gentle"]
    assert found["outcome"] == "PASS", found
    gate(made, tmp_path / "limited", *common, environment={"ACME_KEY": "hand-made-key-burst"})
    found = findings(tmp_path / "limited")["loadtests/gentle"]
    assert found["outcome"] == "UNKNOWN", found
    assert "429" in found["reason"]
