"""What `gonogo init --openapi` proposes for the APIs that describe themselves, beside the contract written by hand."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

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
