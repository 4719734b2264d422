"""A client of Redis and Valkey that speaks RESP2: a few commands, many in one go, and nothing that hides an answer."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from gonogo.core.errors import MissingCapability, NotMeasurable
from gonogo.stacks.interfaces import FileStore, Stack

KIND = "redis"
HOST = "127.0.0.1"
TIMEOUT_SECONDS = 10.0
Part = bytes | str | int
Reply = bytes | int | None | list["Reply"]


class RedisRefused(NotMeasurable):
    """The server answered with an error: what was asked did not happen."""


@runtime_checkable
class RedisServer(FileStore, Protocol):
    """A Redis of a stack whose files can be reached."""

    port: int


class Redis:
    """One connection. Raises NotMeasurable where no answer comes, RedisRefused where the server says no. Close it."""

    def __init__(self, port: int, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        try:
            self._socket = socket.create_connection((HOST, port), timeout=timeout_seconds)
        except OSError as error:
            raise NotMeasurable(f"Redis does not answer on port {port}: {error}") from error
        self._stream = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        with suppress(OSError):
            self._stream.close()
        self._socket.close()

    def command(self, *parts: Part) -> Reply:
        """Send one command and wait for its answer."""
        [reply] = self.commands([parts])
        if isinstance(reply, RedisRefused):
            raise reply
        return reply

    def commands(self, several: Sequence[Sequence[Part]]) -> list[Reply | RedisRefused]:
        """Send several commands in one go; the answers in their order, refusals among them."""
        try:
            self._socket.sendall(b"".join(_encoded(parts) for parts in several))
            return [self._reply() for _ in several]
        except (OSError, EOFError) as error:
            raise NotMeasurable(f"Redis did not answer: {str(error) or 'the connection was closed'}") from error

    def text(self, *parts: Part) -> str:
        """The answer to a command as text."""
        return as_text(self.command(*parts))

    def info(self, section: str) -> dict[str, str]:
        """One section of INFO."""
        lines = (line for line in self.text("INFO", section).splitlines() if line and not line.startswith("#"))
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def setting(self, name: str) -> str | None:
        """A setting of the running server, None where it has no such."""
        found = self.command("CONFIG", "GET", name)
        return as_text(found[1]) if isinstance(found, list) and len(found) > 1 else None

    def _reply(self) -> Reply | RedisRefused:
        line = self._stream.readline()
        if not line.endswith(b"\r\n"):
            raise EOFError
        kind, rest = line[:1], line[1:-2]
        match kind:
            case b"+":
                return rest
            case b":":
                return int(rest)
            case b"-":
                return RedisRefused(f"Redis says {rest.decode(errors='replace')}")
            case b"$":
                return self._bytes(int(rest))
            case b"*" if int(rest) >= 0:
                return [_plain(self._reply()) for _ in range(int(rest))]
            case b"*":
                return None
            case _:
                raise NotMeasurable(f"what answers is no Redis: {line[:40]!r}")

    def _bytes(self, length: int) -> bytes | None:
        if length < 0:
            return None
        found = self._stream.read(length + 2)
        if len(found) != length + 2:
            raise EOFError
        return found[:-2]


def _plain(reply: Reply | RedisRefused) -> Reply:
    return str(reply).encode() if isinstance(reply, RedisRefused) else reply


def _encoded(parts: Sequence[Part]) -> bytes:
    encoded = [part if isinstance(part, bytes) else str(part).encode() for part in parts]
    return b"".join([b"*%d\r\n" % len(encoded), *(b"$%d\r\n%b\r\n" % (len(part), part) for part in encoded)])


def as_text(reply: Reply) -> str:
    """An answer as text.

    >>> as_text(b"standalone"), as_text(3)
    ('standalone', '3')
    """
    return reply.decode(errors="replace") if isinstance(reply, bytes) else str(reply)


def as_list(reply: Reply | RedisRefused) -> list[Reply]:
    """The parts of an answer; none of one that has no parts. A refusal is raised."""
    if isinstance(reply, RedisRefused):
        raise reply
    return reply if isinstance(reply, list) else []


def redis_server(stack: Stack, service: str) -> RedisServer:
    """A Redis of the stack by its service's name. Raises MissingCapability."""
    found = stack.services.get(service)
    if found is None or found.kind != KIND or not isinstance(found, RedisServer):
        raise MissingCapability(f"the stack runs no {KIND} service {service!r} whose files can be reached")
    return found
