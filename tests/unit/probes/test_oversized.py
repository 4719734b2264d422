"""Oversized requests to real servers: refused by a status, by closing the connection, or not at all."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gonogo.core.deadline import Deadline
from gonogo.core.observation import Observation
from gonogo.core.outcome import Capability
from gonogo.probes._conversation import Conversation
from gonogo.probes._sources import observation
from gonogo.probes._steps import StepSpec
from gonogo.spec.contract import ContractSpec
from gonogo.stacks.contract import Application

BY_URL = {"search": {"request": "GET /search", "query": {"q": "{query}"}}}
BY_BODY = {"search": {"request": "POST /search", "json": {"query": "{query}"}}}
HUGE = {"call": "search", "as": "nobody", "query": "{filler}", "filler": "200kB", "timeout": "2s"}
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Limited(BaseHTTPRequestHandler):
    """Python's own server: it answers 414 to a line of more than 64 KiB."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named so in the base class
        pass


@contextmanager
def raw(act: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that does as it is told with every connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with connection, suppress(OSError):
                        act(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)


def closes(connection: socket.socket) -> None:
    connection.recv(1000)


def accepts(connection: socket.socket) -> None:
    connection.settimeout(0.3)
    with suppress(TimeoutError):
        while connection.recv(65536):
            pass
    connection.sendall(GOOD)


def hangs(connection: socket.socket) -> None:
    connection.settimeout(4)
    with suppress(TimeoutError):
        while connection.recv(65536):
            pass


def seen(url: str, contract: dict[str, Any], step: dict[str, Any]) -> tuple[Observation, Conversation]:
    with Application(url, ContractSpec.model_validate(contract), str) as application:
        stack = cast("Any", SimpleNamespace(capabilities=frozenset(Capability)))
        talk = Conversation(
            stack=stack, application=application, deadline=Deadline.after(20), tolerated=("silence",),
            values={"k": 1, "query": "?"},
        )  # fmt: skip
        (exchange,) = talk.perform(StepSpec.model_validate(step))
        return observation("status", "refusal", exchange, ""), talk


def test_a_url_that_is_too_long_is_sent_and_refused_by_its_status() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Limited) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        found, talk = seen(f"http://127.0.0.1:{server.server_port}", BY_URL, HUGE)
        server.shutdown()
    assert found.value == 414
    assert len(talk.transcript[0]) < 1000  # nobody reads 200 kB of filler
    assert "characters)" in talk.transcript[0]


@pytest.mark.parametrize(
    ("act", "contract", "value", "detail"),
    [
        (closes, BY_URL, "closed", ""),
        (closes, BY_BODY, None, "a worker that died of the body"),
        (accepts, BY_URL, 200, ""),
        (accepts, BY_BODY, 200, ""),
        (hangs, BY_URL, 0, "ReadTimeout"),
    ],
)
def test_a_closed_connection_refuses_a_url_and_leaves_a_body_unknown(
    act: Callable[[socket.socket], None], contract: dict[str, Any], value: Any, detail: str
) -> None:
    with raw(act) as url:
        found, _ = seen(url, contract, HUGE)
    assert found.value == value
    assert detail in found.detail


@pytest.mark.parametrize("own", [{"body": "{query"}, {"query": [1, 2], "in_body": True}])
def test_what_belongs_into_a_body_does_not_apply_to_a_request_without_one(own: dict[str, Any]) -> None:
    step = {"call": "search", "as": "nobody", **own}
    with raw(accepts) as url:
        by_url, _ = seen(url, BY_URL, step)
        by_body, _ = seen(url, BY_BODY, step)
    assert (by_url.value, by_url.not_applicable) == (None, True)
    assert by_url.detail == "the contract's search request has no body"
    assert (by_body.value, by_body.not_applicable) == (200, False)
