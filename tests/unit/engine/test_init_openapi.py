"""A contract proposed from OpenAPI documents: the reference service's own, and one that speaks quite differently."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from gonogo.core.errors import UsageError
from gonogo.engine.init.openapi import OpenApi, operations_of, read_openapi
from gonogo.engine.init.proposal import Confidence, Proposed, propose
from gonogo.spec.contract import ContractSpec

ROOT = Path(__file__).parents[3]
DATA = ROOT / "tests/data/openapi"


def proposed(name: str) -> Proposed:
    return propose(read_openapi(str(DATA / name)))


def requests_of(made: Proposed) -> dict[str, Any]:
    return {name: dict(one.spec) for name, one in made.requests.items()}


def test_the_reference_service_gets_the_contract_that_was_written_for_it_by_hand() -> None:
    written = yaml.safe_load((ROOT / "config/stacks/reference.yaml").read_text())["contract"]
    made = proposed("reference.json")
    found = ContractSpec.model_validate({**requests_of(made), "errors": made.errors})
    expected = ContractSpec.model_validate({name: written[name] for name in found.model_fields_set})
    assert found == expected
    assert found.model_fields_set == {
        "live",
        "ready",
        "metrics",
        "ingest",
        "document",
        "delete",
        "search",
        "chat",
        "errors",
    }


def test_the_reference_document_is_that_of_the_service() -> None:
    routes = (ROOT / "examples/reference_rag/routes.py").read_text()
    paths = {one.path.replace("{id}", "{id:path}") for one in read_openapi(str(DATA / "reference.json")).operations}
    assert {path for path in paths if f'"{path}"' not in routes} == set()


def test_ids_nested_in_lists_are_found() -> None:
    search = proposed("memories.yaml").requests["search"]
    assert search.spec["hits"] == "$.groups[*].matches[*]"
    assert search.spec["hit"] == {
        "document": "$.memory.uuid", "text": "$.memory.content", "score": "$.similarity",
    }  # fmt: skip
    assert search.spec["json"]["request"] == {"question": "{query}", "topK": "{k}"}


def test_what_cannot_be_known_is_left_to_fill_in_and_makes_it_a_guess() -> None:
    search = proposed("memories.yaml").requests["search"]
    assert search.spec["json"]["filter"] == {"collection": "FILL-IN"}
    assert search.spec["json"]["mode"] == "hybrid"
    assert search.confidence is Confidence.GUESS
    assert any("fill in collection" in text for text in search.remarks)


def test_bodies_with_lists_and_lists_of_ids_are_understood() -> None:
    made = requests_of(proposed("memories.yaml"))
    assert made["ingest"] == {
        "request": "POST /api/v2/memories",
        "json": {"items": [{"content": "{text}", "subject": "{title}"}]},
        "id": "$.ids[0]",
    }
    assert made["document"] == {"request": "GET /api/v2/memories/{id}", "id": "$.uuid"}
    assert made["delete"] == {"request": "DELETE /api/v2/memories/{id}"}


def test_a_chat_that_only_streams_is_proposed_as_a_stream_and_what_is_not_said_is_left_to_fill_in() -> None:
    made = proposed("memories.yaml")
    chat = made.requests["chat"]
    assert chat.spec["stream"] is True
    assert any("what its events are called" in text for text in chat.remarks)
    assert "no GET /metrics" in made.absent["metrics"]


def test_tenants_are_told_apart_by_the_security_scheme_and_by_headers() -> None:
    assert proposed("reference.json").tenant_headers == {"X-API-Key": "KEY"}
    assert proposed("memories.yaml").tenant_headers == {"Authorization": "Bearer KEY", "X-Workspace": "ID"}


def test_where_no_error_has_a_code_none_is_made_up() -> None:
    assert proposed("memories.yaml").errors == {}


def test_a_general_health_route_is_a_guess() -> None:
    made = proposed("memories.yaml").requests
    assert {made["live"].confidence, made["ready"].confidence} == {Confidence.GUESS}


def document(**operation: Any) -> OpenApi:
    data = {"openapi": "3.1.0", "paths": {operation.pop("path"): {operation.pop("method"): operation}}}
    return OpenApi(data=data, operations=tuple(operations_of(data)), schemes={})


def content(kind: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"content": {kind: {"schema": schema}}}


def test_an_upload_of_files_is_proposed_as_multipart() -> None:
    properties = {"file": {"type": "string", "format": "binary"}, "title": {"type": "string"}}
    body = content("multipart/form-data", {"type": "object", "properties": properties, "required": ["file"]})
    made = requests_of(propose(document(path="/ingest", method="post", requestBody=body, responses={})))
    file = {"name": "{id}.txt", "content": "{text}", "type": "text/plain"}
    assert made["ingest"] == {"request": "POST /ingest", "multipart": {"file": file, "title": "{title}"}}


def test_a_body_that_is_neither_json_nor_a_form_is_named() -> None:
    body = content("application/pdf", {"type": "string"})
    made = propose(document(path="/ingest", method="post", requestBody=body, responses={}))
    assert "takes application/pdf: a body is JSON or a form" in made.absent["ingest"]


def test_a_search_by_get_has_its_placeholders_in_the_query() -> None:
    parameters = [
        {"name": "q", "in": "query", "required": True, "schema": {"type": "string"}},
        {"name": "limit", "in": "query", "schema": {"type": "integer"}},
        {"name": "lang", "in": "query", "schema": {"type": "string"}},
    ]
    hit = {"type": "object", "properties": {"doc_id": {"type": "string"}, "snippet": {"type": "string"}}}
    answer = content("application/json", {"type": "array", "items": hit})
    made = propose(document(path="/v1/search", method="get", parameters=parameters, responses={"200": answer}))
    assert requests_of(made)["search"] == {
        "request": "GET /v1/search?q={query}&limit={k}", "hits": "$[*]",
        "hit": {"document": "$.doc_id", "text": "$.snippet"},
    }  # fmt: skip


def test_an_answer_that_is_not_described_is_said_to_be_so() -> None:
    body = content("application/json", {"type": "object", "properties": {"question": {"type": "string"}}})
    made = propose(document(path="/search", method="post", requestBody=body, responses={"200": {}}))
    search = made.requests["search"]
    assert search.confidence is Confidence.GUESS
    assert any("does not say where the answer holds" in text for text in search.remarks)


def test_a_schema_that_holds_itself_ends() -> None:
    loop: dict[str, Any] = {"$ref": "#/components/schemas/Loop"}
    data = {
        "openapi": "3.0.0",
        "paths": {"/search": {"post": {
            "requestBody": content("application/json", loop), "responses": {"200": content("application/json", loop)},
        }}},
        "components": {"schemas": {"Loop": {"type": "array", "items": loop}}},
    }  # fmt: skip
    made = propose(OpenApi(data=data, operations=tuple(operations_of(data)), schemes={}))
    assert "search" not in made.requests


@pytest.fixture
def server() -> Iterator[str]:
    """A server of the documents."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    serving = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(DATA)))
    thread = threading.Thread(target=serving.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{serving.server_address[1]}"
    serving.shutdown()
    serving.server_close()
    thread.join()


def test_a_document_that_is_served_says_where_it_is(server: str) -> None:
    made = propose(read_openapi(f"{server}/reference.json"))
    assert requests_of(made)["openapi"] == {"request": "GET /reference.json"}
    with pytest.raises(UsageError, match="answered 404"):
        read_openapi(f"{server}/openapi.json")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"swagger": "2.0"}', "Swagger 2.0"),
        ("[]", "no OpenAPI document"),
        ("a: [", "neither JSON nor YAML"),
        ('{"openapi": "3.1.0", "paths": [1]}', "not formed as OpenAPI 3"),
        ("{}", "no Op"),
    ],
)
def test_other_documents_are_refused_with_a_reason(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "api.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=said):
        read_openapi(str(path))


def test_dates_words_of_yaml_and_secrets_in_a_document_are_what_they_are(tmp_path: Path) -> None:
    properties = """
          since: {type: string, format: date, example: 2024-01-01}
          on: {type: boolean, default: yes}
          api_key: {type: string, examples: [sk-live-abcdef0123456789abcdef]}
          query: {type: string}
"""
    path = tmp_path / "api.yaml"
    path.write_text(
        "openapi: 3.0.0\ninfo: {title: t, version: '1'}\npaths:\n  /search:\n    post:\n      requestBody:\n"
        "        content:\n          application/json:\n            schema: {$ref: '#/components/schemas/S'}\n"
        "      responses: {'200': {description: ok}}\n"
        f"components:\n  schemas:\n    S:\n      type: object\n      required: [since, on, api_key, query]\n"
        f"      properties:{properties}"
    )
    text = str(requests_of(propose(read_openapi(str(path)))))
    assert "2024-01-01" in text
    assert "'on'" in text
    assert "sk-live" not in text
