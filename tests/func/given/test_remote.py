"""A backup at a URL is downloaded, verified like any other, and gone with the run."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.func.given.conftest import Verify

Answering = Callable[[BaseHTTPRequestHandler], None]
SECRET = "X-Signature=0123456789abcdef"


@contextmanager
def serving(answer: Answering) -> Iterator[str]:
    """A server on 127.0.0.1; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *_: object) -> None:
            """Be silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def sending(content: bytes, *, status: int = 200, cut: int | None = None) -> Answering:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        if SECRET not in handler.path:
            handler.send_error(403)
            return
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content[:cut])

    return answer


@pytest.fixture(scope="module")
def dump(backups: Path) -> bytes:
    return (backups / "custom").read_bytes()


def test_it_is_verified_like_a_file(verified: Verify, dump: bytes, facts: str, tmp_path: Path) -> None:
    with serving(sending(dump)) as address:
        url = f"{address}/nightly/tonight.dump?{SECRET}"
        answer = verified(tmp_path, url=url, reference=facts)
    assert answer.verdict == ("GO", 0), answer.finding.reason
    phases = [one.subject for one in answer.finding.observations if one.name == "phase_seconds"]
    assert phases[:3] == ["download", "provision", "fetch"]
    written = b"".join(one.read_bytes() for one in answer.result.path.rglob("*") if one.is_file())
    assert f"{address}/nightly/tonight.dump".encode() in written
    assert SECRET.encode() not in written


def test_a_redirect_is_followed(verified: Verify, dump: bytes, tmp_path: Path) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        if handler.path == "/here":
            sending(dump)(_signed(handler))
        else:
            handler.send_response(302)
            handler.send_header("Location", "/here")
            handler.end_headers()

    with serving(answer) as address:
        assert verified(tmp_path, url=f"{address}/there.dump").verdict == ("PARTIAL", 0)


def _signed(handler: BaseHTTPRequestHandler) -> BaseHTTPRequestHandler:
    handler.path += SECRET
    return handler


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (sending(b"", status=404), "/a.dump: 404"),
        (sending(b"PGDMP" * 1000, cut=700), "cannot be downloaded: peer closed connection"),
        (sending(b"<html>please log in</html>"), "is no backup of PostgreSQL: it is an HTML page"),
        (sending(b""), "is no backup of PostgreSQL: it is empty"),
        (sending(b"PGDMP" * 10_000), "has more than the 19.5 KiB that may be written"),
    ],
)
def test_what_does_not_come_is_not_known(answer: Answering, said: str, verified: Verify, tmp_path: Path) -> None:
    with serving(answer) as address:
        found = verified(tmp_path, url=f"{address}/a.dump?{SECRET}", limit_bytes=20_000)
    assert found.verdict == ("HOLD", 3)
    assert said in found.finding.reason
    assert SECRET not in found.finding.reason


def test_where_nobody_listens_it_is_not_known(verified: Verify, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        found = verified(tmp_path, url=f"http://127.0.0.1:{taken.getsockname()[1]}/a.dump")
    assert found.verdict == ("HOLD", 3)
    assert "cannot be downloaded" in found.finding.reason
