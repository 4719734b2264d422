"""Five APIs that speak differently: doctor sees that a right contract fits, and says in a sentence what does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.func.cli.gonogo import Ended, gonogo

HERE = Path(__file__).parent
NAMES = ("uploads", "streaming", "columns", "workspaces", "bare")


def doctor(stack: Path, tmp_path: Path) -> Ended:
    return gonogo("doctor", "--stack", stack, "--runtime", "embedded", cwd=tmp_path)


def changed(name: str, tmp_path: Path, **changes: Any) -> Path:
    """The stack file of an API with keys of its contract replaced; None takes one away."""
    data = yaml.safe_load((HERE / f"{name}.yaml").read_text())
    data["services"]["app"]["workdir"] = str(HERE.parents[1])
    contract = data["contract"]
    for key, new in changes.items():
        old = contract.get(key)
        contract[key] = {**old, **new} if isinstance(old, dict) and isinstance(new, dict) else new
        if new is None:
            del contract[key]
    path = tmp_path / f"{name}.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


TRIED = {
    "uploads": {"live", "openapi", "ingest", "search", "document", "delete"},
    "streaming": {"live", "openapi", "ingest", "search", "document", "chat", "delete"},
    "columns": {"live", "openapi", "ingest", "search", "document", "delete"},
    "workspaces": {"login", "live", "ingest", "search", "document", "delete"},
    "bare": {"ingest", "search", "document", "delete"},
}


@pytest.mark.parametrize("name", NAMES)
def test_a_right_contract_fits_and_every_request_of_it_was_sent(name: str, tmp_path: Path) -> None:
    ended = doctor(HERE / f"{name}.yaml", tmp_path)
    assert ended.code == 0, ended.out + ended.err
    fitting = {line[2:].split()[0] for line in ended.out.splitlines() if line.startswith("✓")}
    assert fitting == TRIED[name], ended.out
    assert "setup" not in ended.err
    assert "cleanup" not in ended.err


WRONG: dict[str, tuple[dict[str, Any], dict[str, tuple[str, str]]]] = {
    "uploads": (
        {
            "live": "GET /live",
            "ready": "POST /search",
            "openapi": "GET /healthz",
            "ingest": {"multipart": {"file": "{text}", "title": "{title}"}},
            "search": {"json": {"q": "{query}"}},
            "document": {"request": "GET /documents/{id}"},
        },
        {
            "live": ("✗", "GET /live answered 404"),
            "openapi": ("✗", "no OpenAPI document"),
            "ingest as acme": ("✗", 'POST /files answered 422: {"detail":"file is no file"}'),
            "search as globex": ("✗", "POST /search answered 422"),
            "document as acme": ("?", "as it would if the path were wrong"),
            "delete as acme": ("?", "nothing was stored"),
        },
    ),
    "streaming": (
        {
            "tenants": {"acme": {"auth": {"bearer": "of-nobody"}}},
            "search": {"hits": "$.results[*]"},
            "document": {"id": "$.id"},
            "ingest": {"id": "$.document.id"},
            "chat": {"answer": "$.text"},
        },
        {
            "ingest as acme": ("✗", "POST /notes answered 401"),
            "ingest as globex": (
                "✗",
                "$.document.id selects nothing in the answer to POST /notes (its keys: note_id, content)",
            ),
            "search as globex": ("✗", "$.results[*] selects nothing"),
            "document as globex": ("?", "as it would if the path were wrong"),
            "chat as globex": ("✗", "answer: $.text selects nothing in any event named token"),
        },
    ),
    "columns": (
        {
            "search": {"hit": {"document": "$.ids[0][*]", "text": "$.texts[0][*]"}},
            "ingest": {"id": "$.ids[0]", "json": {"ids": ["{id}"], "documents": "{text}"}},
            "delete": "DELETE /api/v1/collection/delete",
        },
        {
            "ingest as acme": ("✗", "answered 422"),
            "delete as acme": ("?", "nothing was stored"),
        },
    ),
    "workspaces": (
        {
            "setup": None,
            "tenants": {"globex": {"variables": {"tenant": "globex", "password": "of nobody"}}},
            "ingest": {"request": "POST /workspaces/{room}/documents"},
        },
        {
            "login as globex": ("✗", "the login of globex failed: POST /auth/token answered 400"),
            "search as acme": ("✗", "no such workspace"),
            "search as globex": ("-", "there is no token: the login failed"),
            "ingest": ("✗", "there is no value for the placeholder {room}"),
        },
    ),
    "bare": (
        {
            "without": ["chat"],
            "live": "GET /healthz",
            "search": {"hit": {"document": "$.key", "text": "$.text", "score": "$.closeness"}},
            "document": {"query": {"name": "{id}"}},
            "delete": {"query": {"key": "all"}},
        },
        {
            "live": ("✗", "GET /healthz answered 404"),
            "search as acme": ("✗", "hit.text: $.text selects nothing in a hit of the answer to GET /recall"),
            "document as acme": ("✗", "answered 422"),
            "delete as acme": ("✗", "still finds it"),
        },
    ),
}


@pytest.mark.parametrize("name", NAMES)
def test_each_request_that_does_not_fit_has_a_sentence_of_its_own(name: str, tmp_path: Path) -> None:
    changes, expected = WRONG[name]
    ended = doctor(changed(name, tmp_path, **changes), tmp_path)
    assert ended.code == 3, ended.out + ended.err
    said = ended.out.splitlines()
    for what, (sign, sentence) in expected.items():
        found = [line for line in said if line.startswith(f"{sign} {what} ")]
        assert [line for line in found if sentence in line], f"{what}: {sentence}\n{ended.out}"
        assert sign == "-" or all("→" in line for line in found)
