"""The contract's client against a small server: bodies, callers, logins, streams, setup. All over real sockets."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from email.parser import BytesParser
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import parse_qs

import pytest
from tests.unit.stacks.http_server import EVENTS, JSON, Reply, Server

from gonogo.core.deadline import Deadline
from gonogo.core.errors import NotMeasurable, StackError
from gonogo.core.outcome import Capability
from gonogo.spec.contract import ContractSpec
from gonogo.stacks.contract import Application
from gonogo.stacks.credentials import Keyring
from gonogo.stacks.exchange import select
from gonogo.stacks.interfaces import Stack
from gonogo.stacks.sse import first_text_seconds
from gonogo.stacks.turns import clean_up, set_up

DELTA = {"stream": True, "answer": "$.delta"}


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def application(server: Server, keyring: Keyring | None = None, **contract: Any) -> Application:
    spec = ContractSpec.model_validate(contract)
    url = f"http://127.0.0.1:{server.server_port}"
    return Application(url, spec, lambda text: text.replace("${env.KEY}", "s3cret-key"), keyring=keyring)


# --- bodies


def test_files_and_fields_arrive_as_a_form_with_names_and_types(server: Server) -> None:
    multipart = {"file": {"name": "{id}.md", "content": "{text}", "type": "text/markdown"}, "title": "{title}", "n": 3}
    with application(server, ingest={"request": "POST /files", "multipart": multipart}) as app:
        app.ingest(None, "größe 1", 'A "title"', "Ebb\r\nand flow é")
    asked = server.asked[0]
    kind = asked.headers["Content-Type"]
    message = BytesParser().parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + asked.body)
    parts = {part.get_param("name", header="content-disposition"): part for part in message.walk()}
    assert parts["file"].get_content_type() == "text/markdown"
    assert parts["file"].get_payload(decode=True) == "Ebb\r\nand flow é".encode()
    assert parts["title"].get_payload(decode=True) == b'A "title"'
    assert parts["n"].get_payload(decode=True) == b"3"


def test_a_form_a_query_and_headers_are_filled_in_and_encoded(server: Server) -> None:
    search = {
        "request": "POST /search?lang=en", "form": {"q": "{query}", "exact": True},
        "query": {"k": "{k}", "of": "{tenant}"},
        "headers": {"X-For": "{tenant}", "X-Key": "${env.KEY}"}, "hits": "$.h[*]?", "hit": {"document": "$.id"},
    }  # fmt: skip
    with application(server, tenants={"acme": {"variables": {"tenant": "a&b"}}}, search=search) as app:
        assert app.search("acme", "low & high", 3).hits == ()
    asked = server.asked[0]
    assert asked.query == {"lang": ["en"], "k": ["3"], "of": ["a&b"]}
    assert parse_qs(asked.body.decode()) == {"q": ["low & high"], "exact": ["true"]}
    assert (asked.headers["X-For"], asked.headers["X-Key"]) == ("a&b", "s3cret-key")


def test_what_a_service_said_is_never_taken_for_a_reference(server: Server) -> None:
    with application(server, document="GET /documents/{id}") as app:
        app.document(None, "${env.KEY}")
    assert "s3cret-key" not in server.asked[0].path


# --- callers


def test_keys_in_the_query_and_in_cookies_and_basic_passwords_are_sent(server: Server) -> None:
    tenants = {
        "query": {"auth": {"api_key": {"in": "query", "name": "key", "value": "${env.KEY}"}}},
        "cookie": {"auth": {"api_key": {"in": "cookie", "name": "sid", "value": "abcd"}}},
        "basic": {"auth": {"basic": {"user": "u", "password": "pass"}}},
    }
    with application(server, tenants=tenants, live="GET /live") as app:
        for tenant in tenants:
            app.call("live", tenant=tenant)
        app.deliver(app.prepare("live", app.callers.stranger("query"), {}), app.callers.stranger("query"))
        app.deliver(app.prepare("live", app.callers.nobody("basic"), {}), app.callers.nobody("basic"))
    query, cookie, basic, stranger, nobody = server.asked
    assert query.query == {"key": ["s3cret-key"]}
    assert cookie.headers["Cookie"] == "sid=abcd"
    assert basic.headers["Authorization"] == "Basic dTpwYXNz"
    assert stranger.query["key"][0].startswith("nobody-")
    assert "Authorization" not in nobody.headers


def test_nobody_and_strangers_know_a_tenants_name_but_none_of_its_secrets(server: Server) -> None:
    tenants = {"acme": {"headers": {"X-Key": "${env.KEY}", "X-Org": "acme"}, "variables": {"tenant": "acme"}}}
    with application(server, tenants=tenants, live="GET /of/{tenant}") as app:
        stranger, nobody = app.callers.stranger("acme"), app.callers.nobody("acme")
    assert (stranger.variables, nobody.variables) == ({"tenant": "acme"}, {"tenant": "acme"})
    assert stranger.headers["X-Org"] == "acme"
    assert stranger.headers["X-Key"].startswith("nobody-")
    assert nobody.headers == {}


# --- logins


LOGIN = {"login": {"request": "POST /login", "json": {"user": "{user}"}, "token": "$.session.token"}}


def logins(server: Server, good_for: int) -> None:
    """Tokens t1, t2 … each good for some requests."""
    uses: dict[str, int] = {}

    def reply(asked: Any) -> Reply:
        if asked.path == "/login":
            token = f"token-{len(uses) + 1}-of-{json.loads(asked.body)['user']}"
            uses[token] = good_for
            return 200, JSON, json.dumps({"session": {"token": token}}).encode()
        token = asked.headers.get("Authorization", "").removeprefix("Bearer ")
        uses[token] = uses.get(token, 0) - 1
        return (200 if uses[token] >= 0 else 401), JSON, b"{}"

    server.reply = reply


def test_a_token_is_fetched_once_for_each_tenant_shared_and_registered_as_a_secret(server: Server) -> None:
    logins(server, good_for=99)
    masked: list[str] = []

    def mask(value: str) -> str:
        masked.append(value)
        return value

    keyring = Keyring(mask)
    tenants = {"acme": {"variables": {"user": "a"}}, "globex": {"variables": {"user": "g"}}}
    for _ in range(2):  # two probes, one run
        with application(server, keyring, auth=LOGIN, tenants=tenants, live="GET /live") as app:
            assert [app.call("live", tenant=one).status for one in ("acme", "globex", "acme")] == [200] * 3
    assert [one.path for one in server.asked].count("/login") == 2
    assert masked == ["token-1-of-a", "token-2-of-g"]


def test_a_token_that_is_refused_is_renewed_once(server: Server) -> None:
    logins(server, good_for=2)
    with application(server, auth=LOGIN, tenants={"acme": {"variables": {"user": "a"}}}, live="GET /live") as app:
        assert [app.call("live", tenant="acme").status for _ in range(5)] == [200] * 5
        assert [one.path for one in server.asked].count("/login") == 3
        logins(server, good_for=0)
        server.asked.clear()
        assert app.call("live", tenant="acme").status == 401
    assert [one.path for one in server.asked] == ["/live", "/login", "/live"]


def test_a_login_that_is_refused_is_the_answer_and_one_without_a_token_measures_nothing(server: Server) -> None:
    with application(server, auth=LOGIN, tenants={"acme": {"variables": {"user": "a"}}}, live="GET /live") as app:
        server.reply = lambda _asked: (403, JSON, b"{}")
        answer = app.call("live", tenant="acme")
        assert (answer.status, answer.request) == (403, "POST /login")
        server.says({"session": {"id": 1}})
        with pytest.raises(NotMeasurable, match=r"login of acme gave no token: \$.session.token selects nothing"):
            app.call("live", tenant="acme")


# --- answers


def hits(server: Server, answer: Any, **search: Any) -> Any:
    server.says(answer)
    with application(server, search={"request": "POST /search", **search}) as app:
        return app.search(None, "q").hits


def test_ids_in_lists_beside_each_other_become_hits(server: Server) -> None:
    paths = {"document": "$.ids[0][*]", "text": "$.texts[0][*]", "score": "$.scores[0][*]?"}
    found = hits(server, {"ids": [["a", "b"]], "texts": [["A", "B"]]}, hit=paths)
    assert [(one.document, one.text, one.score) for one in found] == [("a", "A", None), ("b", "B", None)]
    assert hits(server, {"ids": [[]], "texts": [[]]}, hit=paths) == ()
    with pytest.raises(NotMeasurable, match="different numbers of values"):
        hits(server, {"ids": [["a", "b"]], "texts": [["A"]]}, hit=paths)


def test_hits_nested_in_groups_are_flat_and_empty_groups_are_no_error(server: Server) -> None:
    paths: dict[str, Any] = {"hits": "$.groups[*].items[*]", "hit": {"document": "$.refs[0].id"}}
    answer = {"groups": [{"items": [{"refs": [{"id": 7}]}]}, {"items": []}]}
    assert [one.document for one in hits(server, answer, **paths)] == ["7"]
    assert hits(server, {"groups": [{"items": []}]}, **paths) == ()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"results": []}, r"\$.hits\[\*\] selects nothing .* \(its keys: results\)"),
        ({"hits": [{"doc": 1}]}, r"\$.id selects nothing .* \(its keys: doc\)"),
        ({"hits": [{"id": None}]}, "hit.document selects NoneType, no id"),
        ([1], r"\(it is a list of 1\)"),
    ],
)
def test_a_path_that_selects_nothing_says_what_is_there(server: Server, answer: Any, said: str) -> None:
    with pytest.raises(NotMeasurable, match=said):
        hits(server, answer, hits="$.hits[*]", hit={"document": "$.id"})


def test_only_a_question_mark_lets_a_path_select_nothing() -> None:
    assert select("$.score?", {}, "GET /") == []
    assert select("$.score?", {"score": 0}, "GET /") == [0]
    with pytest.raises(NotMeasurable):
        select("$.score", {}, "GET /")


# --- streams


def chat(server: Server, **spec: Any) -> Any:
    with application(server, chat={"request": "POST /chat", "json": {"q": "{message}"}, **spec}) as app:
        return app.chat(None, "s", "m")


def test_a_stream_is_the_concatenation_of_its_texts_with_the_sources_of_an_event(server: Server) -> None:
    server.streams(
        ": comment\n\n", 'event: cite\ndata: {"docs": [{"id": "a"}, {"id": "b"}]}\n\n', 'data: {"del', 'ta": "Low "}\n',
        '\ndata: {"delta": "tide"}\r\n\r\n', "data: [DONE]\n\n",
    )  # fmt: skip
    said = chat(server, **DELTA, sources="$.docs[*].id")
    assert (said.text, said.sources, said.answer.ok) == ("Low tide", ("a", "b"), True)


def test_a_stream_of_plain_text_needs_no_path(server: Server) -> None:
    server.streams("data: Low\n\n", "data:  tide\n\n", "event: end\ndata: bye\n\n")
    assert chat(server, stream={"done": "end"}).text == "Low tide"


@pytest.mark.parametrize(
    ("chunks", "cut", "stream", "why"),
    [
        (['data: {"delta": "a"}\n\n', 'event: error\ndata: away\n\n'], False, True, "an error: away"),
        (['data: {"error": {"code": 500}}\n\n'], False, True, "carries an error: .*500"),
        (['data: {"delta": "a"}\n\n'], True, True, "was cut"),
        (['data: {"delta": "a"}\n\n'], False, {"done": "[DONE]"}, r"ended without \[DONE\]"),
        ([": nothing\n\n"], False, True, "without an event"),
    ],
)  # fmt: skip
def test_a_stream_that_fails_or_is_cut_is_no_success(
    server: Server, chunks: list[str], cut: bool, stream: Any, why: str
) -> None:
    server.streams(*chunks, cut=cut)
    said = chat(server, **{**DELTA, "stream": stream})
    assert (said.answer.ok, said.answer.status, said.answer.code, said.text) == (False, 200, 0, "")
    assert re.search(why, said.answer.outcome), said.answer.outcome


def test_an_answer_that_is_no_stream_or_holds_no_text_measures_nothing(server: Server) -> None:
    server.says({"delta": "a"})
    with pytest.raises(NotMeasurable, match=r"application/json: no stream of events"):
        chat(server, **DELTA)
    server.streams('event: token\ndata: {"text": "a"}\n\n')
    with pytest.raises(NotMeasurable, match=r"answer: \$.delta selects nothing in any event .*its events: token"):
        chat(server, **DELTA)


def test_the_time_to_the_first_token_is_that_of_the_first_event_with_text(server: Server) -> None:
    def reply(_asked: Any) -> Reply:
        def chunks() -> Iterator[bytes]:
            yield b": sign of life\n\n"
            time.sleep(0.15)
            yield b'data: {"delta": "a"}\n\n'
            time.sleep(0.15)
            yield b'data: {"delta": "b"}\n\n'

        return 200, EVENTS, cast("list[bytes]", chunks())

    server.reply = reply
    spec = {"request": "POST /chat", **DELTA}
    with application(server, chat=spec) as app:
        answer = app.call("chat")
        first = first_text_seconds(answer, app.spec("chat"))
    assert first is not None
    assert 0.1 < first < answer.seconds - 0.1


# --- setup and cleanup


def stack(server: Server, capabilities: frozenset[Capability], **contract: Any) -> Stack:
    spec = ContractSpec.model_validate(contract)
    return cast("Stack", SimpleNamespace(
        application=lambda: SimpleNamespace(url=f"http://127.0.0.1:{server.server_port}"), keyring=Keyring(),
        spec=SimpleNamespace(contract=spec), resolve=str, capabilities=capabilities,
    ))  # fmt: skip


SETUP: dict[str, Any] = {
    "tenants": {"acme": {"variables": {"tenant": "acme"}}, "globex": {"variables": {"tenant": "globex"}}},
    "setup": [
        {"request": "POST /rooms", "json": {"of": "{tenant}"}, "capture": {"room": "$.room"}, "accept": [409]},
        {"request": "GET /version", "as": "nobody"},
    ],
    "cleanup": ["DELETE /rooms/{room}"],
    "live": "GET /rooms/{room}/live",
}


def test_setup_captures_for_each_tenant_and_cleanup_ends_it(server: Server) -> None:
    server.reply = lambda asked: (
        409 if asked.method == "POST" else 200, JSON,
        json.dumps({"room": f"room-of-{json.loads(asked.body or b'{}').get('of')}"}).encode(),
    )  # fmt: skip
    made, said = stack(server, frozenset({Capability.WRITE}), **SETUP), list[str]()
    set_up(made, Deadline.after(10), said.append)
    clean_up(made, said.append)
    assert [f"{one.method} {one.path}" for one in server.asked] == [
        "POST /rooms", "POST /rooms", "GET /version", "DELETE /rooms/room-of-acme", "DELETE /rooms/room-of-globex",
    ]  # fmt: skip
    assert said == []


def test_a_stack_that_is_only_read_is_not_set_up_by_writing(server: Server) -> None:
    said: list[str] = []
    set_up(stack(server, frozenset(), **SETUP), Deadline.after(10), said.append)
    assert [one.method for one in server.asked] == ["GET"]
    assert "may write, and this stack is only read" in said[0]


def test_a_setup_that_fails_says_which_request_and_as_whom_and_cleanup_only_says_it(server: Server) -> None:
    server.reply = lambda _asked: (500, JSON, b'{"detail": "no space"}')
    made, said = stack(server, frozenset({Capability.WRITE}), **SETUP), list[str]()
    with pytest.raises(StackError, match=r"setup failed: POST /rooms as acme answered 500: .*no space"):
        set_up(made, Deadline.after(10), said.append)
    clean_up(made, said.append)
    assert "no value for the placeholder {room}" in said[0]


@pytest.mark.parametrize(
    ("contract", "said"),
    [
        ({"search": {"request": "POST /s", "json": {}, "form": {}}}, "one body, this one has json and form"),
        ({"auth": {"bearer": "x", "basic": {"user": "u", "password": "p"}}}, "auth is one of"),
        ({"tenants": {"a": {"variables": {"query": "x"}}}}, "filled in by gonogo itself"),
        ({"tenants": {"a": {"variables": {"Ten-ant": "x"}}}}, "cannot be a placeholder"),
        ({"setup": [{"request": "POST /x", "as": "b"}], "tenants": {"a": {}}}, "'b' is no tenant"),
        ({"without": ["live"], "live": "GET /l"}, "without names what is declared: live"),
        ({"without": ["lives"]}, "unknown request lives"),
    ],
)  # fmt: skip
def test_a_contract_that_cannot_be_meant_is_refused(contract: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ContractSpec.model_validate(contract)
