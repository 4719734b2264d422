"""What is changed in a Compose project before it runs, what is refused, and who is found to log in."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gonogo.core.errors import UsageError
from gonogo.spec.stack import StackSpec
from gonogo.stacks.compose.beyond import led_outside, listening_below, objections
from gonogo.stacks.compose.database import command_with, no_capture
from gonogo.stacks.compose.logins import logins
from gonogo.stacks.compose.member import Written
from gonogo.stacks.compose.mounts import Folders
from gonogo.stacks.compose.program import problem
from gonogo.stacks.compose.project import Reference, public_words
from gonogo.stacks.compose.rewrite import Reached, Rewritten, Surroundings, left_out, rewrite
from gonogo.stacks.docker.images import Image
from gonogo.stacks.start import choose_runtime

DATA = "/var/lib/postgresql/data"


def project(services: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A resolved project."""
    return {"name": "theirs", "services": services, **more}


def rewritten(folder: Path, model: dict[str, Any], **reached: Reached) -> Rewritten:
    """The project as a run called `mine` has it; free ports are counted from 20000."""
    ports = iter(range(20_000, 20_100))
    around = Surroundings(
        project="mine", network="gonogo-net", labels=lambda service: {"run": "1", "service": service},
        images=dict.fromkeys(model["services"], "sha256:1"), port=lambda: next(ports),
        folders=Folders(folder, "20260101-000000-000000"),
        reached=reached,
    )  # fmt: skip
    return rewrite(model, around)


def test_ports_are_free_ones_of_this_host_alone(tmp_path: Path) -> None:
    ports = [
        {"target": 80, "published": "80", "protocol": "tcp", "mode": "ingress"},
        {"target": 53, "published": "53", "protocol": "udp", "host_ip": "0.0.0.0"},
    ]
    made = rewritten(tmp_path, project({"web": {"image": "web", "ports": ports}}))
    found = made.model["services"]["web"]["ports"]
    assert [(one["target"], one["host_ip"], one["published"]) for one in found] == [
        (80, "127.0.0.1", "20000"),
        (53, "127.0.0.1", "20001"),
    ]
    assert made.ports == {("web", 80): 20_000}


def test_a_port_that_the_project_keeps_to_itself_is_published_where_gonogo_needs_it(tmp_path: Path) -> None:
    made = rewritten(tmp_path, project({"db": {"image": "db"}}), db=Reached(port=5432))
    assert made.ports == {("db", 5432): 20_000}
    assert "gonogo" in made.model["services"]["db"]["networks"]


def test_names_are_the_runs_own_and_the_old_ones_still_lead_there(tmp_path: Path) -> None:
    model = project(
        {"db": {"image": "db", "container_name": "prod-db", "networks": {"back": {"ipv4_address": "10.0.0.7"}}}},
        networks={"back": {"name": "shared", "external": True}},
    )
    made = rewritten(tmp_path, model)
    assert "container_name" not in made.model["services"]["db"]
    assert made.model["services"]["db"]["networks"] == {"back": {"aliases": ["prod-db"]}}
    assert made.model["networks"]["back"]["name"] == "mine_back"
    assert "external" not in made.model["networks"]["back"]
    assert any("back is somebody else's" in note for note in made.notes)


def test_volumes_of_others_are_replaced_by_empty_ones_of_the_run(tmp_path: Path) -> None:
    volumes = {
        "theirs": {"name": "prod", "external": True},
        "nfs": {"name": "x", "driver_opts": {"type": "nfs", "device": ":/exports"}},
    }
    made = rewritten(tmp_path, project({"db": {"image": "db"}}, volumes=volumes))
    labels = {"run": "1", "service": ""}
    assert made.model["volumes"] == {
        "theirs": {"name": "mine_theirs", "labels": labels},
        "nfs": {"name": "mine_nfs", "labels": labels},
    }
    assert len(made.notes) == 2


def test_folders_of_the_user_are_never_written_to(tmp_path: Path) -> None:
    theirs, scratch = tmp_path / "theirs", tmp_path / "scratch"
    for folder in (scratch, theirs / "data", theirs / "uploads", theirs / "scripts"):
        folder.mkdir(parents=True)
    (theirs / "uploads" / "a.txt").write_text("a")
    (theirs / "conf").write_text("c")

    def bind(name: str, target: str, **more: Any) -> dict[str, Any]:
        return {"type": "bind", "source": str(theirs / name), "target": target, **more}

    mounts = [
        bind("data", DATA), bind("uploads", "/uploads"), bind("conf", "/etc/conf"), bind("nowhere", "/n"),
        bind("scripts", "/docker-entrypoint-initdb.d", read_only=True),
    ]  # fmt: skip
    made = rewritten(scratch, project({"db": {"image": "db", "volumes": mounts}}), db=Reached(data=(DATA,)))
    data, uploads, conf, nowhere, scripts = made.model["services"]["db"]["volumes"]
    assert (data["type"], nowhere["type"]) == ("volume", "volume")
    assert made.model["volumes"][data["source"]]["labels"]["run"] == "1"
    assert Path(uploads["source"]).parent.parent == scratch
    assert Path(uploads["source"], "a.txt").read_text() == "a"
    assert conf["read_only"]
    assert scripts["read_only"]
    assert scripts["source"] == str(theirs / "scripts")
    assert not (theirs / "nowhere").exists()
    assert len(made.notes) == 2  # the data and what is not there


def test_texts_for_compose_have_their_dollars_doubled(tmp_path: Path) -> None:
    reached = Reached(environment={"KEY": "a$b"}, command=("run", "$x"))
    made = rewritten(tmp_path, project({"app": {"image": "a", "environment": {"OTHER": "c$$d"}}}), app=reached)
    service = made.model["services"]["app"]
    assert service["environment"] == {"OTHER": "c$$d", "KEY": "a$$b"}
    assert service["command"] == ["run", "$$x"]


def test_a_health_check_is_given_time_for_the_first_start(tmp_path: Path) -> None:
    test = ["CMD", "true"]
    model = project(
        {
            "a": {"image": "a", "healthcheck": {"test": test}},
            "b": {"image": "b", "healthcheck": {"test": test, "start_period": "5s"}},
            "c": {"image": "c", "healthcheck": {"disable": True}},
        }
    )
    made = rewritten(tmp_path, model).model["services"]
    assert [made[name]["healthcheck"].get("start_period") for name in "abc"] == ["60s", "5s", None]


def test_replicas_become_one(tmp_path: Path) -> None:
    model = project({"app": {"image": "a", "deploy": {"replicas": 3, "resources": {"limits": {"memory": "1"}}}}})
    made = rewritten(tmp_path, model)
    assert made.model["services"]["app"]["deploy"] == {"resources": {"limits": {"memory": "1"}}}
    assert made.notes == ["app runs once, not 3 times"]


@pytest.mark.parametrize(
    ("service", "said"),
    [
        ({"network_mode": "host"}, "host's network"),
        ({"network_mode": "container:x"}, "not the project's"),
        ({"pid": "host"}, "pid: host"),
        ({"ipc": "host"}, "ipc: host"),
        ({"pid": "container:x"}, "not the project's (pid:, ipc:)"),
        ({"use_api_socket": True}, "engine's socket"),
        ({"privileged": True}, "privileged"),
        ({"volumes": [{"type": "bind", "source": "/var/run/docker.sock", "target": "/s"}]}, "engine's socket"),
        ({"external_links": ["x"]}, "external_links"),
        ({"volumes_from": ["container:x"]}, "volumes_from"),
    ],
)
def test_what_reaches_beyond_the_run_is_refused_with_what_to_do(service: dict[str, Any], said: str) -> None:
    (found,) = objections(project({"odd": {"image": "i", **service}, "fine": {"image": "i"}}))
    assert said in found
    assert "without: [odd]" in found


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Path]:
    """A socket on which somebody listens, in a folder of its own."""
    path = tmp_path / "run" / "s.sock"
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        yield path


def test_a_container_never_speaks_to_who_listens_on_this_host(listening: Path, tmp_path: Path) -> None:
    """A mount that is read-only would let it: sockets are refused, folders that hold them are copied."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    mount = {"type": "bind", "source": str(listening), "target": "/s"}
    (found,) = objections(project({"odd": {"image": "i", "volumes": [mount]}}))
    assert "odd has a socket on which this host listens" in found
    assert listening_below(listening.parent) == [listening]

    around = {"type": "bind", "source": str(listening.parent), "target": "/run", "read_only": True}
    model = project({"odd": {"image": "i", "volumes": [around]}})
    assert objections(model) == []
    (copied,) = rewritten(scratch, model).model["services"]["odd"]["volumes"]
    assert Path(copied["source"]).is_relative_to(scratch)
    assert copied["read_only"]
    assert listening_below(Path(copied["source"])) == []


def test_a_folder_around_the_engines_socket_is_refused(listening: Path) -> None:
    listening.with_name("docker.sock").touch()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(listening.with_name("podman.sock")))
        server.listen()
        mount = {"type": "bind", "source": str(listening.parent.parent), "target": "/host", "read_only": True}
        (found,) = objections(project({"odd": {"image": "i", "volumes": [mount]}}))
    assert "engine's socket" in found


OUTSIDE: dict[str, Any] = {
    "url": {"environment": {"DATABASE_URL": "postgresql://rag:s3cret@prod.example:5432/rag"}},
    "parts": {"environment": {"DB_HOST": "10.1.2.3", "DB_USER": "rag"}},
    "store": {"environment": {"QDRANT_URL": "https://prod.example:6333"}},
    "host": {"environment": {"REDIS_URL": "redis://host.docker.internal/0"}},
    "named": {"environment": {"REDIS_URL": "redis://prod/0"}, "extra_hosts": ["prod=10.0.0.7"]},
    "command": {"command": ["worker", "--broker", "amqp://prod.example"]},
}


@pytest.mark.parametrize("case", OUTSIDE)
def test_a_database_that_is_not_the_projects_is_refused(case: str) -> None:
    """A run would write to it. What the stack file gives instead is its author's word."""
    service = {"image": "i", **OUTSIDE[case]}
    (found,) = led_outside(project({"app": service}), {})
    assert "which is not of the project" in found
    assert "s3cret" not in found
    given = {"app": dict.fromkeys(OUTSIDE[case].get("environment", {}), "")}
    assert len(led_outside(project({"app": service}), given)) == (case == "command")


def test_databases_of_the_project_and_models_elsewhere_are_nothing_to_refuse() -> None:
    environment = {
        "DATABASE_URL": "postgresql://a:b@db.internal/rag", "REDIS_URL": "redis://cache", "DB_HOST": "127.0.0.1",
        "OPENAI_BASE_URL": "https://models.example/v1", "POSTGRES_HOST": "db", "CHROMA_SERVER_HOST": "0.0.0.0",
    }  # fmt: skip
    db = {"image": "i", "networks": {"back": {"aliases": ["db.internal"]}}}
    assert led_outside(project({"app": {"image": "i", "environment": environment}, "db": db}), {}) == []


def test_a_restart_of_the_project_lasts_until_it_has_started(tmp_path: Path) -> None:
    model = project(
        {
            "a": {"image": "a", "restart": "always"},
            "b": {"image": "b", "restart": "no"},
            "c": {"image": "c", "deploy": {"restart_policy": {"condition": "any"}}},
            "d": {"image": "d"},
        }
    )
    made = rewritten(tmp_path, model).model["services"]
    assert [made[name]["restart"] for name in "abcd"] == ["on-failure", "no", "on-failure", "no"]


def test_what_is_left_out_is_not_waited_for() -> None:
    waits = {"proxy": {"condition": "service_started"}, "db": {"condition": "service_healthy"}}
    model = project({"app": {"depends_on": waits, "links": ["proxy:p"]}, "proxy": {}, "db": {}})
    kept = left_out(model, frozenset({"proxy"}))["services"]
    assert kept.keys() == {"app", "db"}
    assert kept["app"]["depends_on"].keys() == {"db"}
    assert kept["app"]["links"] == []


def test_logins_are_found_in_urls_strings_and_parts() -> None:
    environments = {
        "app": {"DATABASE_URL": "postgresql+asyncpg://app:p%40ss@db:5432/rag", "OTHER": "postgresql://x:y@elsewhere/z"},
        "jobs": {"MIGRATIONS_DSN": "host=db user=owner password=secret dbname=rag"},
        "old": {"DB_HOST": "db", "DB_USER": "old", "DB_PASSWORD": "pw", "DB_NAME": "rag", "SMTP_USER": "mail"},
    }
    found = logins(environments, frozenset({"db"}))
    assert [(one.service, one.user, one.password, one.database, one.migrates) for one in found] == [
        ("app", "app", "p@ss", "rag", False),
        ("jobs", "owner", "secret", "rag", True),
        ("old", "old", "pw", "rag", False),
    ]


def written(image: dict[str, str], **service: Any) -> Written:
    """A database as the user's project has it."""
    made = Image(id="1", evidence="", environment=image, command=("postgres",), ports=(5432,), folder="/")
    return Written(name="db", service=service, image=made, listens=None)


def test_the_log_is_asked_for_where_the_server_knows_it() -> None:
    now = written({"PG_MAJOR": "17"}, command=["postgres", "-c", "work_mem=8MB"])
    assert no_capture(now) is None
    assert command_with(now, {})[:5] == ("postgres", "-c", "work_mem=8MB", "-c", "logging_collector=on")
    old = written({"PG_MAJOR": "14"})
    assert "14 writes no JSON log" in str(no_capture(old))
    assert command_with(old, {}) == ()
    assert command_with(old, {"work_mem": "1MB"}) == ("postgres", "-c", "work_mem=1MB")
    assert "is not started as" in str(no_capture(written({"PG_MAJOR": "17"}, command=["/own/run.sh"])))
    assert "PG_MAJOR" in str(no_capture(written({})))


def test_a_reference_names_a_service_and_perhaps_a_port() -> None:
    assert Reference.parse("app", "web") == Reference(service="web", port=None)
    for wrong in ("", ":80", "web:http", "web:"):
        with pytest.raises(UsageError, match=r"services\.app\.compose"):
            Reference.parse("app", wrong)


def test_a_password_that_is_the_users_name_is_no_secret() -> None:
    model = project({"db": {"environment": {"POSTGRES_USER": "rag", "POSTGRES_PASSWORD": "rag", "X": None}}})
    assert "rag" in public_words(model)


def test_without_compose_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert str(problem()).startswith("a Compose project cannot be run here (there is no program docker): install")
    old = tmp_path / "docker-compose"
    old.write_text("#!/bin/sh\necho 1.29.2\n")
    old.chmod(0o755)
    assert "`docker-compose` does not work: it is version 1.29.2" in str(problem())
    old.write_text("#!/bin/sh\necho v2.30.0\n")
    assert problem() is None


def test_a_stack_of_a_compose_project_runs_on_docker_alone() -> None:
    spec = StackSpec.model_validate(
        {"stack": "a", "compose": "c.yml", "services": {"db": {"kind": "postgres", "compose": "db"}}}
    )
    with pytest.raises(UsageError, match="runs on the docker runtime"):
        choose_runtime(spec, "embedded")
