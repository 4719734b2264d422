"""A small server that answers what it is told to, and remembers what it was asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

Reply = tuple[int, dict[str, str], bytes | list[bytes]]
JSON = {"Content-Type": "application/json"}
EVENTS = {"Content-Type": "text/event-stream; charset=utf-8"}


class Server(ThreadingHTTPServer):
    """Answers what it is told to, and remembers what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[SimpleNamespace] = []
        self.reply: Callable[[Any], Reply] = lambda _asked: (200, JSON, b"{}")

    def says(self, value: Any) -> None:
        self.reply = lambda _asked: (200, JSON, json.dumps(value).encode())

    def streams(self, *chunks: str, cut: bool = False) -> None:
        self.reply = lambda _asked: (200, EVENTS, [*(one.encode() for one in chunks), *([b""] if cut else [])])


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        server = cast("Server", self.server)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        url = urlsplit(self.path)
        asked = SimpleNamespace(
            method=self.command, path=url.path, query=parse_qs(url.query), headers=dict(self.headers.items()), body=body
        )
        server.asked.append(asked)
        status, headers, content = server.reply(asked)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if isinstance(content, bytes):
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in content:
            if not chunk:  # cut: no last chunk, the connection ends
                self.close_connection = True
                return
            self.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named so in the base class
        pass
