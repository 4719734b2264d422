"""The reference stack in containers: what it is, and what faults and drills ask of it."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

import psycopg
import pytest
from tests.func.conftest import Running

from gonogo.core.deadline import Deadline
from gonogo.core.outcome import Capability
from gonogo.pg.sessions import session
from gonogo.runners.drill import run_drill
from gonogo.stacks.contract import application_of, questions_of
from gonogo.stacks.docker.engine import RUN, SERVICE
from gonogo.stacks.interfaces import Role, ScratchRequest

if TYPE_CHECKING:
    from docker import DockerClient

pytestmark = pytest.mark.docker


def scalar(dsn: str, statement: str) -> object:
    with session(dsn, timeout_seconds=10) as connection:
        row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return row[0]


def test_known_questions_are_answered(docker_stack: Running) -> None:
    question = questions_of(docker_stack.stack)[0]
    with application_of(docker_stack.stack) as application:
        answer = application.search(question.tenant, question.question, 5)
    assert question.document in [hit.document for hit in answer.hits]


def test_only_what_the_stack_file_does_not_ask_for_is_missing(docker_stack: Running) -> None:
    assert set(docker_stack.stack.missing) == {Capability.HOOKS, Capability.LIMIT_DISK, Capability.SCRATCH_CHROMA}
    assert "no disk:" in docker_stack.stack.missing[Capability.LIMIT_DISK]


def test_ports_are_published_on_loopback_only(docker_stack: Running, engine: DockerClient) -> None:
    label = f"{RUN}={docker_stack.run.run_id}"
    containers = engine.containers.list(filters={"label": label})
    bindings = [one for each in containers for ports in each.ports.values() for one in ports or ()]
    assert {one["HostIp"] for one in bindings} == {"127.0.0.1"}
    assert len(bindings) == len(containers) == 5


def test_containers_say_which_service_they_are(docker_stack: Running, engine: DockerClient) -> None:
    containers = engine.containers.list(filters={"label": f"{RUN}={docker_stack.run.run_id}"})
    assert {one.labels[SERVICE] for one in containers} == {"db", "db/replica", "cache", "llm", "app"}


def test_evidence_names_what_was_asked_for_and_what_ran(docker_stack: Running) -> None:
    evidence = docker_stack.stack.images["db"]
    assert re.fullmatch(r"pgvector/pgvector:pg17 \((\S+, )?sha256:[0-9a-f]{64}(, local rebuild)?\)", evidence)
    assert docker_stack.facts.images["db"] == evidence  # what run.json says is this


def test_references_lead_this_host_to_the_database(docker_stack: Running) -> None:
    url = docker_stack.stack.resolve("${db.url.application}")
    assert "127.0.0.1" in url
    assert scalar(url, "SELECT current_user") == docker_stack.stack.postgres().role_name(Role.APPLICATION)


def test_every_process_of_a_container_is_seen_from_this_host(docker_stack: Running) -> None:
    server = docker_stack.stack.postgres()
    backends = scalar(server.dsn(), "SELECT count(*) FROM pg_stat_activity")
    assert isinstance(backends, int)
    assert len(server.pids()) >= backends


def test_tools_leave_files_that_we_can_read(docker_stack: Running) -> None:
    server = docker_stack.stack.postgres()
    path = docker_stack.stack.scratch / "schema.sql"
    done = server.tool("pg_dump", ["--schema-only", f"--file={path}"], deadline=Deadline.after(60))
    assert (done.exit_code, done.stderr) == (0, "")
    assert "CREATE TABLE public.chunks" in path.read_text()
    failed = server.tool("pg_dump", ["--dbname=nowhere"], deadline=Deadline.after(60))
    assert failed.exit_code == 1
    assert 'database "nowhere" does not exist' in failed.stderr


def test_logs_are_in_the_run_directory_while_the_run_goes_on(docker_stack: Running) -> None:
    folder = docker_stack.directory.path / "artifacts" / "logs"
    server = docker_stack.stack.postgres()  # whichever leads now: another test may have promoted the standby
    wrong = server.dsn(Role.OWNER).replace("dbname=rag", "dbname=nowhere-at-all")
    complaint = 'database "nowhere-at-all" does not exist'
    with pytest.raises(psycopg.OperationalError, match=complaint):
        psycopg.connect(wrong)

    def kept() -> bool:
        return any(complaint in (folder / one).read_text() for one in ("db.log", "db-replica.log"))

    Deadline.after(30).poll(kept, every_seconds=0.05, what="the server's complaint is kept")
    assert {"db.log", "db-replica.log", "app.log", "cache.log"} <= {one.name for one in folder.iterdir()}
    assert server.dsn().partition("password=")[2].split()[0] not in "".join(one.read_text() for one in folder.iterdir())


def test_a_paused_server_is_frozen_and_comes_back(docker_stack: Running) -> None:
    server = docker_stack.stack.postgres()
    server.pause()
    try:
        with socket.create_connection((server.host, server.port), timeout=5) as connection:
            connection.settimeout(0.5)
            connection.sendall(bytes.fromhex("0000000804d2162f"))  # asks for TLS: a living server answers at once
            with pytest.raises(TimeoutError):
                connection.recv(1)
    finally:
        server.resume()
    assert scalar(server.dsn(), "SELECT 1") == 1


def test_a_restored_scratch_database_serves_a_scratch_application(docker_stack: Running) -> None:
    stack, deadline = docker_stack.stack, Deadline.after(180)
    source = stack.postgres()
    dump = stack.scratch / "dump"
    assert source.tool("pg_dump", ["-Fc", f"--file={dump}"], deadline=deadline).exit_code == 0
    with stack.scratch_postgres(ScratchRequest(name="restored"), deadline) as target:
        restored = target.tool("pg_restore", [f"--dbname={target.database}", str(dump)], deadline=deadline)
        assert (restored.exit_code, restored.stderr) == (0, "")
        count = "SELECT count(*) FROM chunks"
        assert scalar(target.dsn(), count) == scalar(source.dsn(), count)
        question = questions_of(stack)[0]
        with (
            stack.scratch_application(target, deadline) as service,
            application_of(stack, service=service) as application,
        ):
            before = scalar(source.dsn(), "SELECT count(*) FROM pg_stat_activity WHERE usename = 'rag_app'")
            answer = application.search(question.tenant, question.question, 5)
            assert question.document in [hit.document for hit in answer.hits]
            assert scalar(target.dsn(), "SELECT count(*) FROM pg_stat_activity WHERE usename = 'rag_app'") != 0
            assert before != 0  # the stack's own application goes on with its own database
    assert not target.is_running()


def test_a_server_recovers_from_a_base_backup_and_received_wal(docker_stack: Running, engine: DockerClient) -> None:
    stack = docker_stack.stack
    context, kept = docker_stack.context("restore_drills/pitr", seconds=300)
    spec = docker_stack.inputs.verifications["restore_drills/pitr"].spec
    run_drill(context, spec, changes={"service": None})  # of whichever is primary: another test fails over

    assert (kept.value("restored"), kept.value("unexpected_rows"), kept.value("rows_after_target")) == (True, 0, 0)
    phases = [one.subject for one in kept.observations if one.name == "phase_seconds"]
    assert phases[:6] == ["provision", "copy", "verify", "fetch WAL", "into the volume", "WAL replay"]
    assert scalar(stack.postgres().dsn(), "SELECT count(*) FROM pg_replication_slots") == 0
    containers = engine.containers.list(all=True, filters={"label": f"{RUN}={docker_stack.run.run_id}"})
    assert {one.labels[SERVICE] for one in containers} == {"db", "db/replica", "cache", "llm", "app"}
    assert not list(stack.scratch.glob("restored-*.data"))


def test_the_application_restarts_on_its_port_and_keeps_its_log(docker_stack: Running) -> None:
    application = docker_stack.stack.application()
    url, before = application.url, application.log_text()
    application.restart(Deadline.after(60))
    assert application.url == url
    assert application.log_text().startswith(before)
    assert len(application.log_text()) > len(before)


def test_a_paused_service_can_be_killed_and_started_again(docker_stack: Running) -> None:
    standby = docker_stack.stack.postgres().standbys.get("replica") or docker_stack.stack.postgres().standbys["db"]
    port = standby.port
    standby.pause()
    assert standby.kill().pids
    assert not standby.is_running()
    assert standby.pids() == ()
    standby.start(Deadline.after(60))
    assert standby.port == port
    assert scalar(standby.dsn(), "SELECT pg_is_in_recovery()") is True


def test_a_killed_primary_is_gone_and_rejoins_the_promoted_standby(docker_stack: Running) -> None:
    stack, deadline = docker_stack.stack, Deadline.after(120)
    primary = stack.postgres()
    standby = primary.standbys["replica"]
    proof = primary.kill()
    assert len(proof.pids) > 5
    assert not primary.is_running()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((primary.host, primary.port), timeout=2)
    standby.promote(deadline)
    assert stack.postgres() is standby
    primary.rejoin(standby, deadline)
    assert scalar(primary.dsn(), "SELECT pg_is_in_recovery()") is True
    assert scalar(standby.dsn(), "SHOW synchronous_standby_names") == 'FIRST 1 ("db")'
    question = questions_of(stack)[0]
    with application_of(stack) as application:
        answer = application.search(question.tenant, question.question, 5)
    assert question.document in [hit.document for hit in answer.hits]
