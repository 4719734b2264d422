"""Compose projects of different shape become stack files that the loader accepts; nothing is lost, no secret copied."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gonogo.core.errors import UsageError
from gonogo.engine.init.compose import read_compose
from gonogo.engine.init.draft import Draft, Wanted, draft, validate
from gonogo.engine.init.environment import Names, Variable, translate
from gonogo.engine.init.recognise import Role, recognise

DATA = Path(__file__).parents[2] / "data"
PROJECTS = {"single": "docker-compose.yml", "anchors": "compose.yaml", "profiles": "docker-compose.yml"}
API = {"single": "reference.json", "anchors": "reference.json", "profiles": "memories.yaml"}
SECRETS = {
    "single": ("sup3r-s3cret-pw", "4f9c1b7a2e8d4c6f9a1b3c5d7e9f0a2b"),
    "anchors": ("hunter2hunter2", "0wner-pw", "r3dis-pw", "91827364", "5544332211"),
    "profiles": ("0123456789abcdef", "do-not-copy-me"),
}


def drafted(project: str, folder: Path, **changes: Any) -> Draft:
    """The draft for a copy of a project, to lie beside its Compose file."""
    there = folder / project
    shutil.copytree(DATA / "compose" / project, there)
    wanted = {"openapi": str(DATA / "openapi" / API[project]), "out": there / "stack.yaml", **changes}
    return draft(Wanted(compose=there / PROJECTS[project], **wanted))


@pytest.mark.parametrize("project", PROJECTS)
def test_a_project_becomes_the_stack_file_that_is_kept_beside_it(project: str, tmp_path: Path) -> None:
    expected = DATA / "compose" / f"{project}.expected.yaml"
    assert drafted(project, tmp_path).text == expected.read_text()


@pytest.mark.parametrize("project", PROJECTS)
def test_no_secret_leaves_the_compose_file(project: str, tmp_path: Path) -> None:
    made = drafted(project, tmp_path)
    said = " ".join([made.text, *made.todo, *map(str, made.needs.items()), *made.secrets])
    compose = "".join(path.read_text() for path in (DATA / "compose" / project).iterdir())
    assert [secret for secret in SECRETS[project] if secret not in compose] == []  # the test means something
    assert [secret for secret in SECRETS[project] if secret in said] == []


@pytest.mark.parametrize("project", PROJECTS)
def test_every_service_of_the_compose_file_is_named(project: str, tmp_path: Path) -> None:
    services = read_compose(DATA / "compose" / project / PROJECTS[project]).services
    text = drafted(project, tmp_path).text
    assert [name for name in services if f"found: {name}: " not in text] == []


def test_what_a_line_end_would_smuggle_in_stays_a_value(tmp_path: Path) -> None:
    spec = validate(drafted("profiles", tmp_path).text)
    assert spec.stack == "profiles"
    environment = (spec.services["app"].model_extra or {})["environment"]
    assert environment["GREETING"] == "line one\nstack: injected"


def test_comments_hold_nothing_but_comments(tmp_path: Path) -> None:
    compose = tmp_path / "docker-compose.yml"
    compose.write_text(
        'services:\n  app: {build: ., ports: ["8000:8000"], depends_on: [db]}\n  db: {image: postgres}\n'
        '  "x\\nstack: evil": {image: busybox}\n'
    )
    made = draft(Wanted(compose=compose, openapi=None, out=tmp_path / "s.yaml", name="honest"))
    assert validate(made.text).stack == "honest"


def test_merge_keys_and_lists_of_variables_are_read() -> None:
    services = read_compose(DATA / "compose/anchors/compose.yaml").services
    assert services["worker"].environment == services["backend"].environment
    assert services["worker"].command == ("celery", "-A", "backend.tasks", "worker")
    assert services["backend"].environment["OPENAI_API_KEY"] is None
    assert services["backend"].ports == ((18000, 8000),)
    assert services["backend"].depends_on == ("postgres", "redis")


@pytest.mark.parametrize(
    ("project", "roles"),
    [
        ("single", [Role.APPLICATION, Role.POSTGRES]),
        ("anchors", [Role.POSTGRES, Role.REDIS, Role.APPLICATION, Role.OTHER]),
        ("profiles", [Role.POSTGRES, Role.CHROMA, Role.OTHER, Role.OTHER, Role.APPLICATION]),
    ],
)
def test_services_are_recognised(project: str, roles: Sequence[Role]) -> None:
    assert list(recognise(read_compose(DATA / "compose" / project / PROJECTS[project])).values()) == list(roles)


def test_where_nothing_looks_like_the_application_the_user_is_asked(tmp_path: Path) -> None:
    compose = tmp_path / "compose.yaml"
    compose.write_text("services:\n  db: {image: postgres}\n  job: {image: busybox}\n")
    with pytest.raises(UsageError, match="say which with --app"):
        recognise(read_compose(compose))
    assert recognise(read_compose(compose), "job")["job"] is Role.APPLICATION


NAMES = Names(
    database="pg", redis="kv", beside={"qdrant": "qdrant", "vec": "vectors"}, others=frozenset({"chroma"}),
    superuser="boss",
)  # fmt: skip


def value_of(name: str, text: str | None, **others: str) -> Variable:
    made = translate({name: text, **others}, NAMES, values_secret=frozenset())
    return next(one for one in made.variables if one.name == name)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("DATABASE_URL", "postgres://boss:pw@pg:5432/x", "${db.url.admin}"),
        ("DATABASE_URL", "postgres://app:pw@pg/x", "${db.url.application}"),
        ("MIGRATIONS_URL", "postgres://maker:pw@pg/x", "${db.url.owner}"),
        ("PG", "host=pg user=boss password=pw dbname=x", "${db.url.admin}"),
        ("ELSEWHERE", "postgres://app:pw@managed.example/x", "${env.ELSEWHERE}"),
        ("CACHE", "rediss://kv:6379/1", "${cache.url}"),
        ("CHROMA_HOST", "chroma", "${env.CHROMA_HOST}"),
        ("VEC_HOST", "vec", "${vectors.host}"),
        ("VECTORS", "http://vec:8000/api/v2", "${vectors.url}/api/v2"),
        ("QDRANT", "qdrant:6333", "${qdrant.host}:${qdrant.port}"),
        ("NOT_QDRANT", "http://qdrant.example/", "http://qdrant.example/"),
        ("LEVEL", "${LEVEL:-info}", "${env.LEVEL}"),
        ("GREETING", "hello ${WHO-you}", "hello ${env.WHO}"),
        ("NESTED", "${A:-${B}}", "${env.NESTED}"),
        ("LITERAL", "a$$b", "a$b"),
        ("TRICK", "$${db.url.admin}", "${env.TRICK}"),
        ("HANDED_ON", None, "${env.HANDED_ON}"),
        ("API_TOKEN", "abc", "${env.API_TOKEN}"),
        ("WEBHOOK_KEY", "${WEBHOOK_KEY}", "${env.WEBHOOK_KEY}"),
        ("PORT", "8000", None),
        ("WORKERS", "4", "4"),
    ],
)
def test_a_variable_becomes_a_value_or_a_reference(name: str, text: str | None, value: str | None) -> None:
    assert value_of(name, text).value == value


def test_a_port_beside_the_host_of_another_service_is_that_services() -> None:
    assert value_of("VEC_PORT", "8000", VEC_HOST="vec").value == "${vectors.port}"


BESIDE = """
services:
  api: {build: ., ports: ["8000:8000"], depends_on: [db, qdrant], environment: {QDRANT_URL: "http://qdrant:6333"}}
  db: {image: "pgvector/pgvector:pg17"}
  qdrant: {image: "qdrant/qdrant:v1.12.4", volumes: ["vectors:/qdrant/storage"]}
  worker: {build: ., command: "celery -A tasks worker", environment: {BROKER: "amqp://guest:pw@queue:5672//"}}
  queue: {image: "rabbitmq:4", expose: ["5672"]}
  frontend: {image: "acme/frontend:1", ports: ["3000:3000"], depends_on: [api]}
  migrate: {build: ., command: "alembic upgrade head", depends_on: [db]}
  db2: {image: "postgres:16"}
  odd: {image: "acme/odd:${TAG}"}
"""


def test_other_containers_are_started_beside_the_application_and_what_is_not_says_why(tmp_path: Path) -> None:
    compose = tmp_path / "compose.yaml"
    compose.write_text(BESIDE)
    made = draft(Wanted(compose=compose, openapi=None, out=tmp_path / "s.yaml", name="beside"))
    spec = validate(made.text)

    kinds = {name: one.kind for name, one in spec.services.items()}
    assert kinds == {
        "db": "postgres",
        "qdrant": "container",
        "worker": "container",
        "queue": "container",
        "app": "http",
    }
    qdrant, app = (spec.services[name].model_extra or {} for name in ("qdrant", "app"))
    assert (qdrant["port"], qdrant["ready"], spec.services["qdrant"].optional) == (6333, "/readyz", True)
    assert app["environment"]["QDRANT_URL"] == "${qdrant.url}"
    assert "pw@" not in made.text
    for name, reason in {
        "frontend": "it stands before the application", "migrate": "it runs once", "db2": "a second PostgreSQL",
        "odd": "its image holds a variable",
    }.items():  # fmt: skip
        assert re.search(rf"# {name} \([^)]*\) is not started: {reason}", made.text)
    assert "qdrant starts empty: volumes of the Compose file are not followed" in made.todo


def test_logins_that_are_not_the_superuser_name_the_roles() -> None:
    environment = {
        "A": "postgres://app_rw:pw@pg/x",
        "MIGRATE": "postgres://maker:pw@pg/x",
        "C": "postgres://boss:p@pg/x",
    }
    made = translate(environment, NAMES, values_secret=frozenset())
    assert made.roles == {"application": "app_rw", "owner": "maker"}


def test_a_default_that_is_a_secret_is_told_nowhere() -> None:
    made = translate({"DB_PW": "${DB_PW:-tr0ub4dor}"}, NAMES, values_secret=frozenset())
    assert (made.needs, made.secrets) == ({"DB_PW": None}, ["DB_PW"])
    assert "tr0ub4dor" not in str(made)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("services: [", "is not valid YAML"),
        ("version: '3'", "has no services"),
        ("services: {a: 5}", "services.a is not a mapping"),
        ('services: {a: {command: "it\'s"}}', "services.a"),
        ("services: {a: !!python/name:os.system }", "is not valid YAML"),
    ],
)
def test_what_is_no_compose_file_is_refused_with_a_reason(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "compose.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=said):
        read_compose(path)
