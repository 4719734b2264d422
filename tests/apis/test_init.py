"""What `gonogo init --openapi` proposes for the APIs that describe themselves, beside the contract written by hand."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.func.cli.gonogo import gonogo

from gonogo.engine.init.draft import Wanted, draft, validate
from gonogo.spec.contract import ContractSpec
from gonogo.spec.stack import StackSpec

HERE = Path(__file__).parent


def drafted(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[StackSpec, str]:
    """The stack file that is drafted from what an API says of itself, and its text."""
    for variable in ("KEYS", "TOKENS", "PASSWORDS"):
        monkeypatch.setenv(variable, "acme=a")
    app = importlib.import_module(f"tests.apis.{name}").app
    document = tmp_path / "api.json"
    document.write_text(json.dumps(app.openapi()))
    made = draft(
        Wanted(
            compose=None, openapi=str(document), out=tmp_path / "stack.yaml", external=True, url="http://127.0.0.1:9"
        )
    )
    return validate(made.text), made.text


def by_hand(name: str) -> dict[str, Any]:
    """The contract of the API's own stack file."""
    contract = ContractSpec.model_validate(yaml.safe_load((HERE / f"{name}.yaml").read_text())["contract"])
    return contract.model_dump(by_alias=True)


@pytest.mark.parametrize(
    ("name", "alike"),
    [
        ("uploads", ("ingest", "document", "delete", "search", "live")),
        ("streaming", ("ingest", "document", "delete", "live")),
        ("columns", ("ingest", "search", "auth", "live")),
        ("workspaces", ("ingest", "document", "delete", "search", "live")),
    ],
)
def test_the_proposal_is_what_somebody_would_write(
    name: str, alike: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = drafted(name, tmp_path, monkeypatch)[0].contract.model_dump(by_alias=True)
    expected = by_hand(name)
    assert {key: found[key] for key in alike} == {key: expected[key] for key in alike}


def test_what_a_document_does_not_say_of_a_stream_is_left_to_fill_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, text = drafted("streaming", tmp_path, monkeypatch)
    assert spec.contract.chat is not None
    assert spec.contract.chat.stream is not None
    assert "which one ends it" in " ".join(text.replace("#", "").split())
    assert spec.contract.search is not None
    assert spec.contract.search.path == "/notes/search?q={query}&limit={k}"


def test_a_login_and_tenants_in_the_path_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contract = drafted("workspaces", tmp_path, monkeypatch)[0].contract
    assert contract.auth is not None
    login = contract.auth.login
    assert login is not None
    assert (login.path, login.form, login.token) == (
        "/auth/token", {"username": "{user}", "password": "{password}"}, "$.access_token",
    )  # fmt: skip
    assert contract.tenants["tenant-a"].variables == {
        "user": "${env.TENANT_A_USER}", "password": "${env.TENANT_A_PASSWORD}", "tenant": "tenant-a",
    }  # fmt: skip


EDITS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {  # what a person writes into the draft, and the environment
    "streaming": (
        {
            "chat": {
                "stream": {"answer": "token", "sources": "citations", "done": "[DONE]"},
                "answer": "$.delta",
                "sources": "$.documents[*].id",
            }
        },
        {"TENANT_A_KEY": "token-of-a-1", "TENANT_B_KEY": "token-of-b-2"},
    ),
    "workspaces": (
        {"setup": ["PUT /workspaces/{tenant}"]},
        {
            "TENANT_A_USER": "tenant-a",
            "TENANT_B_USER": "tenant-b",
            "TENANT_A_PASSWORD": "pass-of-a-1",
            "TENANT_B_PASSWORD": "pass-of-b-2",
        },
    ),
}


@pytest.mark.parametrize("name", EDITS)
def test_a_draft_fits_after_a_few_lines(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edits, environment = EDITS[name]
    data = yaml.safe_load(drafted(name, tmp_path, monkeypatch)[1])
    app = yaml.safe_load((HERE / f"{name}.yaml").read_text())["services"]["app"]
    tenants = {
        "TOKENS": "tenant-a=token-of-a-1,tenant-b=token-of-b-2",
        "PASSWORDS": "tenant-a=pass-of-a-1,tenant-b=pass-of-b-2",
    }
    data |= {
        "runtime": "embedded",
        "services": {"app": {**app, "workdir": str(HERE.parents[1]), "environment": tenants}},
    }
    for key, new in edits.items():
        old = data["contract"].get(key)
        data["contract"][key] = {**old, **new} if isinstance(old, dict) else new
    (tmp_path / "stack.yaml").write_text(yaml.safe_dump(data))
    ended = gonogo("doctor", "--stack", "stack.yaml", cwd=tmp_path, environment=environment)
    assert ended.code == 0, ended.out + ended.err
    assert "✓ search as tenant-b" in ended.out
