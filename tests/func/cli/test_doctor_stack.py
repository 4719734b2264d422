"""`gonogo doctor --stack`: what fits is said to fit, what does not is named, and nothing is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from tests.func.cli.gonogo import gonogo
from tests.func.conftest import Running

from gonogo.engine.trial import Fit, Trial, fits, try_contract
from gonogo.spec.contract import ContractSpec
from gonogo.spec.stack import StackSpec
from gonogo.stacks.contract import Application
from gonogo.stacks.interfaces import Role

COUNTS = "SELECT (SELECT count(*) FROM documents), (SELECT count(*) FROM chunks), (SELECT count(*) FROM messages)"


def tried(running: Running, **changes: Any) -> dict[str, Trial]:
    """The trials of the reference stack's contract with some of its requests changed; None takes one away."""
    stack = running.stack
    written = stack.spec.contract.model_dump(by_alias=True, exclude_none=True)
    merged = {**written, **{name: {**written.get(name, {}), **new} for name, new in changes.items() if new is not None}}
    contract = ContractSpec.model_validate(
        {name: one for name, one in merged.items() if changes.get(name, 1) is not None}
    )
    with Application(stack.application().url, contract, stack.resolve) as application:
        return {one.what: one for one in try_contract(application, {})}


def test_all_that_the_reference_stack_declares_fits(reference_stack: Running) -> None:
    found = tried(reference_stack)
    untried = {name for name, one in found.items() if one.fit is Fit.UNTRIED}
    assert untried == {"ingest", "chat", "delete"}
    assert [one for one in found.values() if one.fit not in {Fit.FITS, Fit.UNTRIED}] == []
    assert fits(list(found.values()))
    assert {"search as acme", "document as globex", "live", "ready", "metrics", "openapi"} <= found.keys()


@pytest.mark.parametrize(
    ("changes", "what", "said", "remedy"),
    [
        ({"live": {"request": "GET /alive"}}, "live", "answered 404", "see to the path"),
        ({"ready": {"request": "GET /search"}}, "ready", "answered 405", "see to the method"),
        ({"metrics": {"request": "GET /livez"}}, "metrics", "no Prometheus text", "contract.metrics"),
        ({"openapi": {"request": "GET /livez"}}, "openapi", "no OpenAPI document", "contract.openapi"),
        ({"search": {"json": {"q": "{query}"}}}, "search as acme", "answered 422", "compare query and body"),
        ({"search": {"json": {"query": "{question}"}}}, "search", "{question}", "contract.search"),
        ({"search": {"json": {"query": "FILL-IN"}}}, "search", "FILL-IN still stands", "contract.search"),
        ({"search": {"hits": "$.results[*]"}}, "search as acme", "$.results[*] selects nothing", "hits"),
        ({"search": {"hit": {"document": "$.doc"}}}, "search as acme", "$.doc selects nothing", "hit.document"),
        (
            {"search": {"hit": {"document": "$.document_id", "score": "$.text"}}}, "search as acme",
            "$.text selects str", "hit.score",
        ),
        ({"search": {"hits": "not a path["}}, "search", "is no JSONPath", "contract.search"),
        ({"document": {"id": "$.title"}}, "document as acme", "$.title selects", "document.id"),
        ({"document": {"request": "GET /livez?{id}"}}, "document as acme", "to an id that cannot exist", "refused"),
        ({"document": {"request": "GET /papers/{id}"}}, "document as acme", "answered 404", "no such route"),
        ({"tenants": {"acme": {"headers": {"X-API-Key": "wrong"}}}}, "search as acme", "answered 401", "tenants"),
        ({"ingest": {"json": {"text": "{body}"}}}, "ingest", "{body}", "contract.ingest"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_with_a_remedy(
    reference_stack: Running, changes: dict[str, Any], what: str, said: str, remedy: str
) -> None:
    found = tried(reference_stack, **changes)
    assert found[what].fit is Fit.DIFFERS, found[what]
    assert said in found[what].found
    assert remedy in found[what].remedy
    assert not fits(list(found.values()))


def test_a_document_path_that_nothing_proves_is_not_said_to_fit(reference_stack: Running) -> None:
    found = tried(reference_stack, search=None)
    assert found["document as acme"].fit is Fit.UNPROVEN
    assert found["search"].fit is Fit.UNTRIED
    assert not fits(list(found.values()))


def external(running: Running, path: Path, **changes: Any) -> dict[str, str]:
    """Write a stack file for the running reference stack as something that already runs; returns its environment."""
    stack = running.stack
    contract = stack.spec.contract.model_dump(by_alias=True, exclude_none=True)
    contract["tenants"] = {"acme": {"headers": {"X-API-Key": "${env.KEY}"}}}
    del contract["rate_limited"]
    data = {
        "stack": "attached", "runtime": "external", "contract": {**contract, **changes},
        "services": {
            "db": {"kind": "postgres", "dsn": "${env.DSN}"},
            "app": {"kind": "http", "url": stack.application().url, "ready": "/readyz"},
        },
    }  # fmt: skip
    StackSpec.model_validate(data)
    path.write_text(yaml.safe_dump(data))
    return {"DSN": stack.postgres().dsn(Role.ADMIN), "KEY": stack.resolve("${generated.ACME_KEY}")}


def test_the_command_says_it_by_its_exit_code_and_writes_nothing(reference_stack: Running, tmp_path: Path) -> None:
    path = tmp_path / "attached.yaml"
    with psycopg.connect(reference_stack.stack.postgres().dsn(Role.ADMIN)) as connection:
        before = connection.execute(COUNTS).fetchone()
        environment = external(reference_stack, path)
        ended = gonogo("doctor", "--stack", path, cwd=tmp_path, environment=environment)
        assert ended.code == 0, ended.out + ended.err
        external(reference_stack, path, live={"request": "GET /nowhere"})
        differs = gonogo("doctor", "--stack", path, cwd=tmp_path, environment=environment)
        assert connection.execute(COUNTS).fetchone() == before
    assert differs.code == 3
    assert "✗ live" in differs.out
    assert "see to the path" in differs.out
    assert environment["KEY"] not in ended.out + ended.err + differs.out
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_at_the_address_is_said_and_no_request_is_tried(reference_stack: Running, tmp_path: Path) -> None:
    path = tmp_path / "attached.yaml"
    environment = external(reference_stack, path)
    path.write_text(path.read_text().replace(reference_stack.stack.application().url, "http://127.0.0.1:9"))
    ended = gonogo("doctor", "--stack", path, cwd=tmp_path, environment=environment)
    assert ended.code == 3, ended.out + ended.err
    assert "does not answer" in ended.out
    assert "live" not in ended.out


def test_a_stack_that_does_not_start_does_not_fit_and_says_why(tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    app = {"kind": "http", "command": ["python", "-c", "raise SystemExit('no such setting')"]}
    path.write_text(
        yaml.safe_dump({"stack": "broken", "runtime": "embedded", "services": {"db": {"kind": "postgres"}, "app": app}})
    )
    ended = gonogo("doctor", "--stack", path, cwd=tmp_path)
    assert ended.code == 3, ended.out + ended.err
    assert "no such setting" in ended.out


COMPOSE = """
services:
  rag:
    build: {{context: {context}, dockerfile: reference_rag/Dockerfile}}
    command: python -m reference_rag
    ports: ["8000:8000"]
    environment:
      DATABASE_URL: postgresql://rag_app:not-real-1@postgres:5432/rag
      MIGRATIONS_URL: postgresql://rag_owner:not-real-2@postgres:5432/rag
      OPENAI_BASE_URL: https://models.example/v1
      API_KEYS: tenant-a=not-real-3,tenant-b=not-real-4
    depends_on: [postgres]
  postgres:
    image: pgvector/pgvector:pg17
    environment: {{POSTGRES_PASSWORD: not-real-5, POSTGRES_DB: rag}}
"""
KEYS = {
    "TENANT_A_KEY": "not-real-3",
    "TENANT_B_KEY": "not-real-4",
    "API_KEYS": "tenant-a=not-real-3,tenant-b=not-real-4",
}


def test_a_stack_drafted_from_compose_starts_and_fits_without_an_edited_line(tmp_path: Path) -> None:
    root = Path(__file__).parents[3]
    (tmp_path / "compose.yaml").write_text(COMPOSE.format(context=root / "examples"))
    api = root / "tests/data/openapi/reference.json"
    made = gonogo("init", "--from-compose", "compose.yaml", "--openapi", api, "--name", "drafted", cwd=tmp_path)
    assert made.code == 0, made.err
    assert "not-real" not in (tmp_path / "stack.yaml").read_text() + made.out
    planned = gonogo("plan", "--stack", "stack.yaml", cwd=tmp_path, environment=KEYS)
    assert planned.code == 0, planned.err
    arguments = ("doctor", "--stack", "stack.yaml", "--runtime", "embedded")
    ended = gonogo(*arguments, cwd=tmp_path, environment=KEYS)
    lines = ended.out.splitlines()
    assert [line for line in lines if line[:1] in "✗?"] == [], ended.out
    tried = {line.split()[1] for line in lines if line.startswith("✓")}
    assert tried == {"live", "ready", "metrics", "ingest", "search", "document", "chat", "delete"}
    assert ended.code == 0
