"""A user's own Compose project, run as it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.func.conftest import Running, running

from gonogo.core.deadline import Deadline
from gonogo.core.errors import StackError
from gonogo.core.outcome import Capability
from gonogo.engine.init.draft import Wanted, draft
from gonogo.pg.sessions import session
from gonogo.runners.drill import run_drill
from gonogo.stacks.compose.program import problem
from gonogo.stacks.contract import application_of, questions_of
from gonogo.stacks.docker.engine import RUN, leftovers
from gonogo.stacks.docker.images import BUILT, mirror_map
from gonogo.stacks.interfaces import Role, ScratchRequest

if TYPE_CHECKING:
    from docker.models.containers import Container

    from docker import DockerClient

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]
ROOT = Path(__file__).parents[2]
STACK = ROOT / "tests" / "projects" / "reference" / "stack.yaml"
GONOGO = [sys.executable, "-m", "gonogo"]
SECRETS = ("admin-raven-7d0e", "owner-heron-93c2", "app-wren-4b1f", "acme-key-5e1d7c02")
CHECKS = (
    "checks/api/authentication_required", "checks/backup/damage_is_noticed", "checks/connections/pools_fit_the_server",
    "checks/isolation/sql_leaks_nothing", "checks/observability/logs_are_structured",
    "checks/resilience/model_outage_is_a_clear_error", "checks/security/application_role_has_least_privilege",
    "checks/vector_index/operator_matches_the_opclass",
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def compose_program(engine: DockerClient) -> None:
    """Skip where there is no Compose, fail where there must be one."""
    if reason := problem():
        if os.environ.get("GONOGO_REQUIRE_DOCKER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(scope="module")
def project(compose_program: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The reference project, for tests that leave it working."""
    with running(tmp_path_factory.mktemp("compose") / "run", runtime="docker", stack=STACK) as found:
        yield found


def scalar(dsn: str, statement: str) -> Any:
    with session(dsn, timeout_seconds=10) as connection:
        row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return row[0]


def test_the_stack_file_has_at_most_twenty_lines_and_its_checks_give_a_verdict(tmp_path: Path) -> None:
    assert len(STACK.read_text().splitlines()) <= 20
    only = [part for one in CHECKS for part in ("--only", one)]
    command = [*GONOGO, "check", "--stack", str(STACK), "--runtime", "docker", "--out", str(tmp_path / "run"), *only]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    run = json.loads((tmp_path / "run" / "run.json").read_text())
    assert run["verdict"] == "PARTIAL"
    assert {one["id"]: one["outcome"] for one in run["findings"] if one["id"] in CHECKS} == dict.fromkeys(
        CHECKS, "PASS"
    )
    assert "local rebuild" in run["stack"]["images"]["db"] or not mirror_map()
    for path in (tmp_path / "run").rglob("*"):
        if path.is_file():
            text = path.read_text(errors="replace")
            assert not [secret for secret in SECRETS if secret in text], path


def test_only_what_a_project_cannot_have_is_missing(project: Running) -> None:
    lacking = {
        Capability.PROMOTE, Capability.FAILOVER, Capability.HOOKS, Capability.LIMIT_DISK, Capability.SCRATCH_REDIS,
        Capability.SCRATCH_CHROMA,
    }  # fmt: skip
    assert project.stack.missing.keys() <= lacking
    assert all(project.stack.missing.values())
    assert {Capability.CAPTURE, Capability.SCRATCH_APPLICATION, Capability.KILL} <= project.stack.capabilities


def test_a_project_is_restored_from_its_files_and_received_wal(project: Running, engine: DockerClient) -> None:
    context, kept = project.context("restore_drills/pitr", seconds=300)
    run_drill(context, project.inputs.verifications["restore_drills/pitr"].spec)

    assert (kept.value("restored"), kept.value("unexpected_rows"), kept.value("rows_after_target")) == (True, 0, 0)
    assert kept.value("fingerprints_differ") == 0
    assert scalar(project.stack.postgres().dsn(), "SELECT count(*) FROM pg_replication_slots") == 0
    label = f"com.docker.compose.project=gonogo-{project.run.run_id}"
    assert not [one for one in engine.containers.list(filters={"label": label}) if "pg_receivewal" in str(one.top())]


def test_the_logins_of_the_project_are_the_roles(project: Running) -> None:
    server = project.stack.postgres()
    assert {role: server.role_name(role) for role in Role} == {
        Role.ADMIN: "postgres", Role.OWNER: "rag_owner", Role.APPLICATION: "rag_app",
    }  # fmt: skip
    for role in Role:
        assert scalar(server.dsn(role), "SELECT current_user") == server.role_name(role)


def test_everything_carries_the_run_and_only_loopback_is_published(project: Running, engine: DockerClient) -> None:
    name = f"gonogo-{project.run.run_id}"
    label: dict[str, Any] = {"label": f"com.docker.compose.project={name}"}
    containers = engine.containers.list(all=True, filters=label)
    assert {one.labels["com.docker.compose.service"] for one in containers} == {"db", "cache", "app"}
    made: list[Any] = [*containers, *engine.volumes.list(filters=label)]
    labels = [one.attrs["Config"]["Labels"] if "Config" in one.attrs else one.attrs["Labels"] for one in made]
    labels += [one.attrs["Labels"] for one in engine.networks.list(filters=label)]
    assert len(labels) == 5  # three containers, the volume, the network
    assert {one.get(RUN) for one in labels} == {project.run.run_id}
    bindings = [one for each in containers for ports in each.ports.values() for one in ports or ()]
    assert {one["HostIp"] for one in bindings} == {"127.0.0.1"}
    assert not {"rag-app", "rag-cache"} & {one.name for one in containers}


def test_a_restored_scratch_database_serves_a_scratch_application(project: Running) -> None:
    stack, deadline = project.stack, Deadline.after(300)
    source, dump = stack.postgres(), stack.scratch / "dump"
    assert source.tool("pg_dump", ["-Fc", f"--file={dump}"], deadline=deadline).exit_code == 0
    with stack.scratch_postgres(ScratchRequest(name="restored"), deadline) as target:
        restored = target.tool("pg_restore", [f"--dbname={target.database}", str(dump)], deadline=deadline)
        assert (restored.exit_code, restored.stderr) == (0, "")
        question = questions_of(stack)[0]
        with (
            stack.scratch_application(target, deadline) as service,
            application_of(stack, service=service) as application,
        ):
            answer = application.search(question.tenant, question.question, 5)
            assert question.document in [hit.document for hit in answer.hits]
            logged_in = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'rag_app'"
            assert scalar(target.dsn(), logged_in) > 0
        stack.run_application("true", ["python", "-c", "raise SystemExit(0)"], target, deadline)
        with pytest.raises(StackError, match=r"app\.false failed with exit code 3"):
            stack.run_application("false", ["python", "-c", "raise SystemExit(3)"], target, deadline)


def test_what_is_killed_stays_dead_until_it_is_started(project: Running) -> None:
    server = project.stack.postgres()
    before, application = server.port, project.stack.application()
    assert server.kill().pids
    assert not server.is_running()
    server.start(Deadline.after(120))
    assert server.port == before
    assert scalar(server.dsn(), "SELECT count(*) FROM chunks") > 300
    log = application.log_text()
    application.restart(Deadline.after(120))
    assert application.log_text().startswith(log)


FLAKY = """\
services:
  cache: {{image: {image}}}
  flaky:
    image: {image}
    command: sh -c 'test -e /tmp/again && exec sleep 600; touch /tmp/again; exit 7'
    restart: {restart}
"""
ONE_CACHE = "stack: flaky\ncompose: compose.yaml\nservices:\n  cache: {kind: redis, compose: cache}\n"


def flaky(folder: Path, restart: str) -> str:
    """A stack of a project with a service that ends the first time. Its stack file."""
    image = mirror_map().get("redis:7", "redis:7")
    (folder / "compose.yaml").write_text(FLAKY.format(image=image, restart=json.dumps(restart)))
    (folder / "stack.yaml").write_text(ONE_CACHE)
    return str(folder / "stack.yaml")


def test_a_service_that_counts_on_being_started_again_is_until_the_project_has_started(
    compose_program: None, engine: DockerClient, tmp_path: Path
) -> None:
    with running(tmp_path / "run", runtime="docker", stack=flaky(tmp_path, "always")) as found:
        label: dict[str, Any] = {"label": [f"{RUN}={found.run.run_id}", "com.docker.compose.service=flaky"]}
        (container,) = engine.containers.list(filters=label)
        assert container.attrs["RestartCount"] == 1
        assert container.attrs["HostConfig"]["RestartPolicy"]["Name"] == "no"
        container.kill()
        container.reload()
        assert container.status == "exited"


def test_a_service_that_is_not_started_again_stops_the_start(compose_program: None, tmp_path: Path) -> None:
    with (
        pytest.raises(StackError, match="flaky ended with exit code 7"),
        running(tmp_path / "run", runtime="docker", stack=flaky(tmp_path, "no")),
    ):
        pass


@pytest.mark.parametrize(
    ("compose", "said"),
    [
        ("notes/docker-compose.yml", r"api logs in to db as rag_owner \(MIGRATIONS_URL\), a role that nothing in the"),
        ("library/compose.yml", r"does not build shelf: there is no .*/projects/library/Dockerfile"),
    ],
)
def test_what_a_strangers_project_lacks_itself_is_named(
    compose_program: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compose: str, said: str
) -> None:
    """As their files stand, these two do not start without gonogo, either."""
    for name in ("READER_PASSWORD", "OWNER_PASSWORD"):
        monkeypatch.setenv(name, "x-password-1")
    stack = tmp_path / "stack.yaml"
    made = draft(Wanted(compose=STACK.parents[1] / compose, openapi=None, out=stack, as_is=True))
    stack.write_text(made.text)
    with pytest.raises(StackError, match=said), running(tmp_path / "run", runtime="docker", stack=str(stack)):
        pass


def test_a_health_check_that_cannot_succeed_is_quoted(compose_program: None, tmp_path: Path) -> None:
    image = mirror_map().get("python:3.12-slim", "python:3.12-slim")
    (tmp_path / "compose.yaml").write_text(
        f"services:\n  web:\n    image: {image}\n    command: python -m http.server 8000\n"
        "    healthcheck: {test: curl -f http://localhost:8000/, interval: 1s}\n"
    )
    (tmp_path / "stack.yaml").write_text(
        "stack: unwell\ncompose: compose.yaml\nservices:\n  app: {kind: http, compose: 'web:8000', start_timeout: 5s}\n"
    )
    with (
        pytest.raises(StackError, match=r"its HEALTHCHECK ended with \d+: .*curl.* \(services\.app\.ready: a path to"),
        running(tmp_path / "run", runtime="docker", stack=str(tmp_path / "stack.yaml")),
    ):
        pass


def test_a_build_leaves_one_image_whatever_was_built_before(
    compose_program: None, engine: DockerClient, tmp_path: Path
) -> None:
    (tmp_path / "compose.yaml").write_text("services:\n  cache: {build: .}\n")
    (tmp_path / "stack.yaml").write_text(ONE_CACHE)
    label: dict[str, Any] = {"label": f"{BUILT}=flaky-cache"}
    try:
        for number in range(2):
            (tmp_path / "Dockerfile").write_text(f"FROM redis:7\nLABEL number={number}\n")
            with running(tmp_path / f"run-{number}", runtime="docker", stack=str(tmp_path / "stack.yaml")):
                pass
        (image,) = engine.images.list(all=True, filters=label)
        assert image.labels["number"] == "1"
    finally:
        for each in engine.images.list(all=True, filters=label):
            engine.images.remove(str(each.id), force=True)


@pytest.fixture
def theirs(compose_program: None, tmp_path: Path) -> Iterator[Path]:
    """A project that somebody runs already: a fixed port and name, a volume and a folder with data. Its folder."""
    folder = tmp_path / "theirs"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "precious").write_text("theirs")
    image = mirror_map().get("redis:7", "redis:7")
    (folder / "compose.yaml").write_text(
        "name: gonogo-test-theirs\nservices:\n  cache:\n"
        f"    image: {image}\n    container_name: gonogo-test-cache\n    restart: always\n"
        '    ports: ["127.0.0.1:16379:6379"]\n    volumes: [kept:/data, ./data:/var/lib/redis]\n'
        "volumes: {kept: {name: gonogo-test-kept}}\n"
    )
    (folder / "stack.yaml").write_text(
        "stack: theirs\ncompose: compose.yaml\nservices:\n  cache: {kind: redis, compose: cache}\n"
    )
    compose(folder, "up", "--detach")
    try:
        yield folder
    finally:
        compose(folder, "down", "--volumes", "--timeout", "1")


def compose(folder: Path, *arguments: str) -> None:
    """The user's own call."""
    done = subprocess.run(
        ["docker", "compose", *arguments], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_killed_run_is_cleaned_up_and_the_users_own_project_goes_on(
    engine: DockerClient, theirs: Path, tmp_path: Path
) -> None:
    own = engine.containers.get("gonogo-test-cache")
    own.exec_run(["redis-cli", "SET", "whose", "theirs"])
    text = (theirs / "compose.yaml").read_text()
    environment = {**os.environ, "GONOGO_STATE": str(tmp_path / "state")}
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(
        [*GONOGO, "up", "--stack", str(theirs / "stack.yaml")], cwd=tmp_path, env=environment, stdout=log, stderr=log
    ) as process:  # fmt: skip
        try:
            run_id = _started(engine, tmp_path / "state", process, tmp_path / "log")
        finally:
            process.kill()
    (left,) = [one for one in engine.containers.list(ignore_removed=True) if one.labels.get(RUN) == run_id]
    assert printed(left, "redis-cli", "GET", "whose") == ""
    assert printed(left, "ls", "/var/lib/redis") == ""
    done = subprocess.run([*GONOGO, "clean"], env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert leftovers(engine, run_id) == []
    own.reload()
    assert own.status == "running"
    assert printed(own, "redis-cli", "GET", "whose") == "theirs"
    assert (theirs / "data" / "precious").read_text() == "theirs"
    assert (theirs / "compose.yaml").read_text() == text


def printed(container: Container, *command: str) -> str:
    """What a command inside says."""
    output: Any = container.exec_run(list(command)).output
    return str(output.decode().strip())


def _started(engine: DockerClient, state: Path, process: subprocess.Popen[bytes], log: Path) -> str:
    """The id of the run, once its container lives."""
    found: list[str] = []

    def there() -> bool:
        assert process.poll() is None, log.read_text()
        runs = {one.name for one in (state / "runs").glob("2*")}
        found[:] = [
            one.labels[RUN] for one in engine.containers.list(ignore_removed=True) if one.labels.get(RUN) in runs
        ]
        return bool(found)

    Deadline.after(120).poll(there, every_seconds=0.2, what="the project runs")
    return found[0]
