"""Embeddings of questions in Redis. They never go stale: a text has one embedding for as long as the model is the same.

The cache is a convenience: while Redis is away, everything is computed.
"""

import asyncio
import contextlib
import hashlib
import struct
from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote, urlsplit

from reference_rag.embeddings import DIMENSIONS, Embedder, Vector
from reference_rag.logs import event
from reference_rag.metrics import Metrics

_SECONDS: Final = 0.25
_PORT: Final = 6379


class RedisError(Exception):
    """Redis refused, or speaks something else."""


class Redis:
    """One connection that speaks RESP, for GET and SET. Broken ones are replaced at the next command."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._host, self._port = address.hostname or "127.0.0.1", address.port or _PORT
        self._database = address.path.strip("/") or "0"
        self._password = unquote(address.password or "")
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._turn = asyncio.Lock()

    async def command(self, *parts: bytes | str | int) -> bytes | None:
        """Send a command within a fraction of a second. Raises OSError, TimeoutError, RedisError."""
        async with self._turn, asyncio.timeout(_SECONDS):
            try:
                return await self._sent(parts)
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Drop the connection."""
        if self._streams:
            self._streams[1].close()
        self._streams = None

    async def _sent(self, parts: Sequence[bytes | str | int]) -> bytes | None:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
            if self._password:
                await self._exchange(("AUTH", self._password))
            await self._exchange(("SELECT", self._database))
        return await self._exchange(parts)

    async def _exchange(self, parts: Sequence[bytes | str | int]) -> bytes | None:
        assert self._streams is not None
        reader, writer = self._streams
        encoded = [part if isinstance(part, bytes) else str(part).encode() for part in parts]
        lines = [b"*%d\r\n" % len(encoded), *(b"$%d\r\n%b\r\n" % (len(part), part) for part in encoded)]
        writer.write(b"".join(lines))
        await writer.drain()
        head = (await reader.readuntil(b"\r\n"))[:-2]
        match head[:1]:
            case b"+" | b":":
                return head[1:]
            case b"$" if head != b"$-1":
                return (await reader.readexactly(int(head[1:]) + 2))[:-2]
            case b"$" | b"_":
                return None
        raise RedisError(head.decode(errors="replace"))


class CachedEmbedder:
    """Asks the cache first, for single texts: those are questions, and questions come again."""

    def __init__(self, embedder: Embedder, redis: Redis, *, model: str, ttl_seconds: float, metrics: Metrics) -> None:
        self._embedder = embedder
        self._redis = redis
        self._model = model
        self._ttl_seconds = max(1, int(ttl_seconds))
        self._metrics = metrics
        self._answering = True

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """One vector for each text. Raises ModelUnavailable."""
        if len(texts) != 1:
            return await self._embedder.embed(texts)
        key = f"embedding:{self._model}:{hashlib.sha256(texts[0].encode('utf-8', 'surrogatepass')).hexdigest()}"
        known = await self._command("GET", key)
        if known is not None and len(known) == 8 * DIMENSIONS:
            self._metrics.cache_hits.inc()
            return [list(struct.unpack(f"<{DIMENSIONS}d", known))]
        self._metrics.cache_misses.inc()
        [vector] = await self._embedder.embed(texts)
        await self._command("SET", key, struct.pack(f"<{DIMENSIONS}d", *vector), "EX", self._ttl_seconds)
        return [vector]

    async def _command(self, *parts: bytes | str | int) -> bytes | None:
        """What Redis answers; nothing while it is away, which is told once."""
        answer, answering = None, False
        with contextlib.suppress(OSError, TimeoutError, RedisError, EOFError):
            answer, answering = await self._redis.command(*parts), True
        if answering != self._answering:
            event("cache reachable" if answering else "cache unreachable")
        self._answering = answering
        return answer
