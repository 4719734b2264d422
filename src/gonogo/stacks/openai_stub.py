"""A stand-in for an OpenAI-compatible service, with faults that can be switched on while it runs.

It needs the standard library only and runs on its own: `python openai_stub.py --host 127.0.0.1 --port 8001`.

Answers are deterministic: a chat quotes the first passage of its context, an embedding hashes the words of its text.
`GET /_control` shows the behaviour and how often each endpoint was called; `POST /_control` changes what it names:

    latency_seconds  wait before each answer
    error_rate       share of calls answered with error_status, 0 to 1 (every n-th call, not at random)
    error_status     that status, 500 unless told otherwise
    hang             accept and never answer, until changed or the client leaves
    outage           close the connection at once
    reset            true: back to healthy, calls counted from 0
"""

import argparse
import contextlib
import json
import math
import re
import select
import signal
import socket
import threading
import time
import zlib
from dataclasses import asdict, dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Final

_DIMENSIONS: Final = 384
_MAX_BODY_BYTES: Final = 16 * 1024 * 1024
_POLL_SECONDS: Final = 0.05
_PASSAGE: Final = re.compile(r"\[1\]\s*(.+?)(?=\n\s*\[2\]|\Z)", re.DOTALL)
_WORD: Final = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How the stub behaves; all defaults are healthy."""

    latency_seconds: float = 0.0
    error_rate: float = 0.0
    error_status: int = 500
    hang: bool = False
    outage: bool = False

    def changed(self, changes: dict[str, object]) -> "Behaviour":
        """A copy with `changes`. Raises ValueError for an unknown name or an unusable value."""
        for name, value in changes.items():
            if name not in _USABLE:
                msg = f"unknown setting {name!r}; known: {', '.join(_USABLE)}"
                raise ValueError(msg)
            if not _USABLE[name](value):
                msg = f"unusable value for {name}: {value!r}"
                raise ValueError(msg)
        return replace(self, **changes)  # type: ignore[arg-type]  # each value was checked above


def _is_between(value: object, low: float, high: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


_USABLE: Final = {
    "latency_seconds": lambda value: _is_between(value, 0, 3600),
    "error_rate": lambda value: _is_between(value, 0, 1),
    "error_status": lambda value: isinstance(value, int) and _is_between(value, 400, 599),
    "hang": lambda value: isinstance(value, bool),
    "outage": lambda value: isinstance(value, bool),
}


@dataclass(slots=True)
class _State:
    """What all requests share."""

    behaviour: Behaviour
    calls: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    _owed_errors: float = 0.0

    def count(self, endpoint: str) -> None:
        with self.lock:
            self.calls[endpoint] = self.calls.get(endpoint, 0) + 1

    def error_is_due(self) -> bool:
        with self.lock:
            self._owed_errors += self.behaviour.error_rate
            if self._owed_errors < 1 - 1e-9:
                return False
            self._owed_errors -= 1
            return True

    def change(self, changes: dict[str, object]) -> None:
        reset = changes.pop("reset", False)
        with self.lock:
            self.behaviour = (Behaviour() if reset else self.behaviour).changed(changes)
            self._owed_errors = 0.0
            if reset:
                self.calls.clear()

    def report(self) -> dict[str, object]:
        with self.lock:
            return {"settings": asdict(self.behaviour), "calls": dict(self.calls), "total": sum(self.calls.values())}


class StubServer(ThreadingHTTPServer):
    """The HTTP server; `server_address` tells the port when it was started with port 0."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], behaviour: Behaviour) -> None:
        super().__init__(address, _Handler)
        self.state = _State(behaviour)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has left is no error worth printing."""


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: StubServer
    timeout: ClassVar[float] = 60.0
    disable_nagle_algorithm: ClassVar[bool] = True

    def do_GET(self) -> None:
        """Health, models and control; the first and the last answer whatever the behaviour is."""
        if self.path == "/health":
            self._answer({"status": "ok"})
        elif self.path == "/_control":
            self._answer(self.server.state.report())
        elif self.path == "/v1/models":
            if self._misbehaves("models"):
                return
            self._answer({"object": "list", "data": [{"id": "stub", "object": "model", "owned_by": "stub"}]})
        else:
            self._answer(_error("no such path"), 404)

    def do_POST(self) -> None:
        """Chats, embeddings and control."""
        try:
            body = self._read_json()
            if self.path == "/_control":
                self.server.state.change(body)
                self._answer(self.server.state.report())
            elif self.path == "/v1/chat/completions":
                if not self._misbehaves("chat/completions"):
                    self._answer(_completion(body))
            elif self.path == "/v1/embeddings":
                if not self._misbehaves("embeddings"):
                    self._answer(_embeddings(body))
            else:
                self._answer(_error("no such path"), 404)
        except (ValueError, TypeError, LookupError) as error:
            self._answer(_error(f"bad request: {error}"), 400)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name in the base class
        """Stay silent: calls are counted, not logged."""

    def _misbehaves(self, endpoint: str) -> bool:
        """Count the call and act out the behaviour; True when the request has been dealt with."""
        state = self.server.state
        state.count(endpoint)
        self._wait_while_hanging()
        if state.behaviour.outage or self._client_has_left():
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            return True
        time.sleep(state.behaviour.latency_seconds)
        if state.error_is_due():
            self._answer(_error("an error on purpose"), state.behaviour.error_status)
            return True
        return False

    def _wait_while_hanging(self) -> None:
        while self.server.state.behaviour.hang and not self._client_has_left():
            time.sleep(_POLL_SECONDS)

    def _client_has_left(self) -> bool:
        readable, _, _ = select.select([self.connection], [], [], 0)
        try:
            return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def _read_json(self) -> dict[str, Any]:
        length = int(self.headers.get("Content-Length") or 0)
        if length > _MAX_BODY_BYTES:
            msg = "the body is too long"
            raise ValueError(msg)
        body = json.loads(self.rfile.read(length) or b"{}")
        if not isinstance(body, dict):
            msg = "the body must be an object"
            raise TypeError(msg)
        return body

    def _answer(self, body: dict[str, object], status: int = 200) -> None:
        payload = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)


def _error(message: str) -> dict[str, object]:
    return {"error": {"message": message, "type": "stub_error"}}


def _completion(request: dict[str, Any]) -> dict[str, object]:
    """A chat completion that quotes the first numbered passage of the conversation, else its last message."""
    texts = [str(message["content"]) for message in request["messages"]]
    passages = [found.group(1).strip() for text in texts if (found := _PASSAGE.search(text))]
    answer = f"According to the first passage: {passages[-1]}" if passages else f"You said: {texts[-1]}"
    spent, made = sum(len(_WORD.findall(text)) for text in texts), len(_WORD.findall(answer))
    return {
        "id": f"chatcmpl-{zlib.crc32(answer.encode()):08x}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": str(request.get("model", "stub")),
        "choices": [{"index": 0, "message": {"role": "assistant", "content": answer}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": spent, "completion_tokens": made, "total_tokens": spent + made},
    }


def _embeddings(request: dict[str, Any]) -> dict[str, object]:
    given = request["input"]
    texts = [given] if isinstance(given, str) else [str(text) for text in given]
    data = [{"object": "embedding", "index": at, "embedding": embed(text)} for at, text in enumerate(texts)]
    tokens = sum(len(_WORD.findall(text)) for text in texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "model": str(request.get("model", "stub")), "data": data, "usage": usage}


def embed(text: str) -> list[float]:
    """A unit vector of 384 dimensions that depends on the words of the text only.

    >>> embed("tide tables") == embed("Tables, tide!")
    True
    >>> round(sum(value * value for value in embed("tide")), 6)
    1.0
    """
    vector = [0.0] * _DIMENSIONS
    for word in _WORD.findall(text.lower()):
        for feature in (word, *(word[at : at + 4] for at in range(len(word) - 3))):
            bits = zlib.crc32(feature.encode("utf-8", "surrogatepass"))
            vector[bits % _DIMENSIONS] += 1.0 if bits & 0x8000_0000 else -1.0
    length = math.sqrt(sum(value * value for value in vector))
    if length == 0:
        return [1.0] + [0.0] * (_DIMENSIONS - 1)
    return [value / length for value in vector]


def main() -> None:
    """Serve until SIGTERM or SIGINT, then exit with 0."""
    parser = argparse.ArgumentParser(description="A stand-in for an OpenAI-compatible service.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8001)
    parser.add_argument("--settings", default="{}", help="initial behaviour, as JSON")
    options = parser.parse_args()
    try:
        behaviour = Behaviour().changed(json.loads(options.settings))
        server = StubServer((options.host, options.port), behaviour)
    except (ValueError, AttributeError) as error:
        parser.error(f"--settings: {error}")
    except OSError as error:
        parser.exit(1, f"cannot listen on {options.host}:{options.port}: {error.strerror}\n")
    for number in (signal.SIGTERM, signal.SIGINT):
        # shutdown() waits for the loop, which this very thread runs: another one has to call it.
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown, daemon=True).start())
    server.serve_forever(poll_interval=_POLL_SECONDS)
    server.server_close()


if __name__ == "__main__":
    main()
