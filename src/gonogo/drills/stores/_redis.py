"""How drills read and write a Redis: what they plant, what they compare, and the ledger's entries."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, cast

from gonogo.core.errors import NotMeasurable
from gonogo.drills.stores import Item, Portrait, WriteRefused
from gonogo.drills.stores._redis_keys import AT_ONCE, batches, filled_databases, keys_of, mentions, scan
from gonogo.drills.stores._servers import named_or_only
from gonogo.spec.base import Spec
from gonogo.stacks.redis import KIND, Redis, RedisRefused, as_list, as_text, redis_server

if TYPE_CHECKING:
    from gonogo.stacks.context import Context
    from gonogo.stacks.interfaces import FileStore
    from gonogo.stacks.redis import RedisServer

PREFIX = b"gonogo:drill:"
LEDGER = PREFIX + b"ledger:"
ANSWER = PREFIX + b"answer"
DELETED = PREFIX + b"deleted"
ANSWERS = PREFIX + b"answers:"
RIGHT = b"the right answer of a restore drill, which is long enough to be found in a file"
HOUR_MS, SHORT_MS = 3_600_000, 300
OLDEST = 7  # the first with PEXPIRETIME and with a log of several files
RATE_PER_SECOND = 50.0


class RedisDrillParameters(Spec):
    """Which Redis, and the entry of the stack file's `backups` that says how often this backup is really made."""

    service: str | None = None  # default: the only one that the stack runs
    schedule: str = "redis"


def server_of(context: Context, parameters: RedisDrillParameters) -> RedisServer:
    """The Redis that a drill is about. Raises NotMeasurable where there is none, or several."""
    server = redis_server(context.stack, named_or_only(context, KIND, parameters.service))
    with Redis(server.port) as redis:
        version = redis.info("server").get("redis_version", "0")
    if int(version.partition(".")[0]) < OLDEST:
        raise NotMeasurable(f"{server.name} is version {version}: lifetimes can be compared from {OLDEST}.0 on")
    return server


class RedisReader:
    """Implements StoreReader."""

    rate_per_second = RATE_PER_SECOND
    deleted = f"0/{DELETED.decode()}"

    @contextmanager
    def planted(self, context: Context, store: FileStore) -> Iterator[Callable[[], None]]:  # noqa: ARG002 - a protocol
        """A key of every type, one that lives for an hour, one that soon ends, and one in another database."""
        with _connected(store) as redis:
            _clear(redis)
            try:
                for reply in redis.commands(list(_planting(_databases(redis)))):
                    if isinstance(reply, RedisRefused):
                        raise reply
                redis.command("SELECT", 0)
                yield lambda: _delete(store, DELETED)
            finally:
                with suppress(NotMeasurable):  # the server is gone, and with it what was planted
                    _clear(redis)

    def portrait(self, store: FileStore) -> Portrait:
        """Every key of every database, and the server's functions."""
        with _connected(store) as redis:
            items = {
                name: item
                for database in filled_databases(redis)
                for name, item in keys_of(redis, database)
                if not name.partition("/")[2].startswith(LEDGER.decode())
            }
            items.update(_functions(redis))
            seconds, micros = (int(as_text(one)) for one in as_list(redis.command("TIME")))
            evicted = int(redis.info("stats").get("evicted_keys", "0"))
        read_at_ms = seconds * 1000 + micros // 1000
        return Portrait(items=items, group=_group, read_at_ms=read_at_ms, thrown_away=evicted)

    def writer(self, store: FileStore) -> RedisWriter:
        """A connection of its own."""
        return RedisWriter(cast("RedisServer", store).port)

    def entries(self, store: FileStore) -> set[int]:
        """The numbers of the ledger that are there."""
        with _connected(store) as redis:
            return {int(key.removeprefix(LEDGER)) for key in scan(redis, LEDGER + b"*")}

    def forget(self, store: FileStore) -> None:
        """Remove the ledger's keys."""
        with _connected(store) as redis:
            _remove(redis, LEDGER + b"*")

    def answers_right(self, store: FileStore, before: Portrait) -> bool:  # noqa: ARG002 - it is planted
        """Whether the planted answer is there."""
        with _connected(store) as redis:
            return redis.command("GET", ANSWER) == RIGHT


class RedisWriter:
    """Implements Writer."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._redis: Redis | None = None

    def write(self, number: int) -> None:
        """SET."""
        self._command("SET", LEDGER + str(number).encode(), number)

    def delete(self, number: int) -> None:
        """DEL."""
        self._command("DEL", LEDGER + str(number).encode())

    def close(self) -> None:
        """Close the connection."""
        if self._redis is not None:
            self._redis.close()
        self._redis = None

    def _command(self, *parts: bytes | str | int) -> None:
        try:
            self._redis = self._redis or Redis(self._port)
            self._redis.command(*parts)
        except RedisRefused as error:
            raise WriteRefused(str(error)) from error
        except NotMeasurable:
            self.close()
            raise


@contextmanager
def _connected(store: FileStore) -> Iterator[Redis]:
    with Redis(cast("RedisServer", store).port) as redis:
        yield redis


def _planting(databases: int) -> Iterator[tuple[bytes | str | int, ...]]:
    yield ("SET", ANSWER, RIGHT)
    yield ("SET", DELETED, "it was there yesterday")
    yield ("SET", PREFIX + b"bytes", bytes(range(256)))
    yield ("SET", PREFIX + b"for an hour", "ends in an hour", "PX", HOUR_MS)
    yield ("SET", PREFIX + b"soon gone", "ends during the drill", "PX", SHORT_MS)
    yield ("RPUSH", PREFIX + b"list", "one", "two", "two")
    yield ("SADD", PREFIX + b"set", "one", "two", 3)
    yield ("ZADD", PREFIX + b"sorted", "1.5", "one", "-2", "two")
    yield ("HSET", PREFIX + b"hash", "field", "value", "other", "")
    yield ("EXPIRE", PREFIX + b"hash", HOUR_MS // 1000)
    yield ("XADD", PREFIX + b"stream", "1-1", "field", "value")
    yield ("XGROUP", "CREATE", PREFIX + b"stream", "readers", "0")
    if databases > 1:
        yield ("SELECT", databases - 1)
        yield ("SET", PREFIX + b"in another database", "value")


def _clear(redis: Redis) -> None:
    """Remove whatever begins with the drill's name, in every database."""
    for database in filled_databases(redis):
        redis.command("SELECT", database)
        _remove(redis, PREFIX + b"*")
    redis.command("SELECT", 0)


def _remove(redis: Redis, pattern: bytes) -> None:
    for some in batches(list(scan(redis, pattern)), AT_ONCE):
        redis.command("DEL", *some)


def _delete(store: FileStore, key: bytes) -> None:
    with _connected(store) as redis:
        redis.command("DEL", key)


def _databases(redis: Redis) -> int:
    return int(redis.setting("databases") or "1")


def stale(store: FileStore, words: Sequence[str]) -> tuple[dict[str, str], int]:
    """The keys whose values hold one of the words, with the word; and how many keys were read."""
    with _connected(store) as redis:
        return mentions(redis, words)


def plant_answers(store: FileStore, answers: Mapping[str, str]) -> None:
    """What an application that caches its answers would keep: by a document's id, what it was answered from."""
    with _connected(store) as redis:
        for document, text in answers.items():
            body = json.dumps({"document": document, "text": text})
            redis.command("SET", ANSWERS + document.encode(), body, "EX", HOUR_MS // 1000)


def forget_answers(store: FileStore) -> None:
    """Remove what `plant_answers` left."""
    with _connected(store) as redis:
        _remove(redis, ANSWERS + b"*")


def _functions(redis: Redis) -> Iterator[tuple[str, Item]]:
    """Libraries of functions, which a backup holds too; a server that has none of the kind has none to lose."""
    try:
        libraries = as_list(redis.command("FUNCTION", "LIST", "WITHCODE"))
    except RedisRefused:
        return
    for library in libraries:
        parts = as_list(library)
        yield (
            f"functions/{as_text(parts[1])}",
            Item(kind="function", digest=hashlib.sha256(repr(parts).encode()).hexdigest()),
        )


def _group(name: str) -> str:
    return "functions" if name.startswith("functions/") else f"database {name.partition('/')[0]}"
