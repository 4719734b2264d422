"""How drills read and write a Redis: what they plant, what they compare, and the ledger's entries."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar, cast

from gonogo.core.errors import MissingCapability, NotMeasurable
from gonogo.drills.stores import Item, Portrait, WriteRefused
from gonogo.spec.base import Spec
from gonogo.stacks.redis import KIND, Redis, RedisRefused, Reply, as_list, as_text, redis_server

if TYPE_CHECKING:
    from gonogo.stacks.context import Context
    from gonogo.stacks.interfaces import FileStore
    from gonogo.stacks.redis import RedisServer

T = TypeVar("T")
PREFIX = b"gonogo:drill:"
LEDGER = PREFIX + b"ledger:"
ANSWER = PREFIX + b"answer"
DELETED = PREFIX + b"deleted"
ANSWERS = PREFIX + b"answers:"
RIGHT = b"the right answer of a restore drill, which is long enough to be found in a file"
HOUR_MS, SHORT_MS = 3_600_000, 300
OLDEST = 7  # the first with PEXPIRETIME and with a log of several files
AT_ONCE = 200
MOST_KEYS = 200_000
RATE_PER_SECOND = 50.0
# A value of each type in an order that does not depend on how the server keeps it.
READ: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "string": (("GET",), ()),
    "list": (("LRANGE",), ("0", "-1")),
    "set": (("SMEMBERS",), ()),
    "zset": (("ZRANGE",), ("0", "-1", "WITHSCORES")),
    "hash": (("HGETALL",), ()),
    "stream": (("XRANGE",), ("-", "+")),
}


class RedisDrillParameters(Spec):
    """Which Redis, and the entry of the stack file's `backups` that says how often this backup is really made."""

    service: str | None = None  # default: the only one that the stack runs
    schedule: str = "redis"


def server_of(context: Context, parameters: RedisDrillParameters) -> RedisServer:
    """The Redis that a drill is about. Raises NotMeasurable where there is none, or several."""
    stack = context.stack
    names = [name for name, service in stack.services.items() if service.kind == KIND]
    if parameters.service is None and len(names) != 1:
        raise MissingCapability(f"the stack runs {len(names)} {KIND} services: name one of them in service:")
    server = redis_server(stack, parameters.service or names[0])
    with Redis(server.port) as redis:
        version = redis.info("server").get("redis_version", "0")
    if int(version.partition(".")[0]) < OLDEST:
        raise NotMeasurable(f"{server.name} is version {version}: lifetimes can be compared from {OLDEST}.0 on")
    return server


class RedisReader:
    """Implements StoreReader."""

    rate_per_second = RATE_PER_SECOND

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
                for database in _filled_databases(redis)
                for name, item in _keys_of(redis, database)
                if not name.partition("/")[2].startswith(LEDGER.decode())
            }
            items.update(_functions(redis))
            seconds, micros = (int(as_text(one)) for one in as_list(redis.command("TIME")))
        return Portrait(items=items, group=_group, read_at_ms=seconds * 1000 + micros // 1000)

    def writer(self, store: FileStore) -> RedisWriter:
        """A connection of its own."""
        return RedisWriter(cast("RedisServer", store).port)

    def entries(self, store: FileStore) -> set[int]:
        """The numbers of the ledger that are there."""
        with _connected(store) as redis:
            return {int(key.removeprefix(LEDGER)) for key in _scan(redis, LEDGER + b"*")}

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
    for database in _filled_databases(redis):
        redis.command("SELECT", database)
        _remove(redis, PREFIX + b"*")
    redis.command("SELECT", 0)


def _remove(redis: Redis, pattern: bytes) -> None:
    for some in _batches(list(_scan(redis, pattern)), AT_ONCE):
        redis.command("DEL", *some)


def _delete(store: FileStore, key: bytes) -> None:
    with _connected(store) as redis:
        redis.command("DEL", key)


def _databases(redis: Redis) -> int:
    return int(redis.setting("databases") or "1")


def _filled_databases(redis: Redis) -> list[int]:
    return [int(name.removeprefix("db")) for name in redis.info("keyspace") if name.startswith("db")]


def _scan(redis: Redis, pattern: bytes = b"*") -> Iterator[bytes]:
    """Every key of the chosen database, once. Raises NotMeasurable where there are too many."""
    seen: set[bytes] = set()
    cursor: Reply = b"0"
    while True:
        cursor, keys = as_list(redis.command("SCAN", as_text(cursor), "MATCH", pattern, "COUNT", 1000))
        seen.update(key for key in as_list(keys) if isinstance(key, bytes))
        if len(seen) > MOST_KEYS:
            raise NotMeasurable(f"the Redis holds more than {MOST_KEYS} keys")
        if cursor == b"0":
            yield from seen
            return


def _keys_of(redis: Redis, database: int) -> Iterator[tuple[str, Item]]:
    redis.command("SELECT", database)
    for some in _batches(list(_scan(redis)), AT_ONCE):
        questions = [question for key in some for question in (("TYPE", key), ("PEXPIRETIME", key))]
        answers = redis.commands(questions)
        kinds = {key: as_text(_answer(answers[2 * place])) for place, key in enumerate(some)}
        ends = {key: int(as_text(_answer(answers[2 * place + 1]))) for place, key in enumerate(some)}
        values = _values(redis, kinds)
        for key, kind in kinds.items():
            if kind != "none" and values.get(key) != b"":  # it ended while we read
                digest = hashlib.sha256(values[key]).hexdigest() if key in values else None
                yield (
                    f"{database}/{key.decode(errors='backslashreplace')}",
                    Item(kind=kind, digest=digest, expires_ms=ends[key] if ends[key] >= 0 else None),
                )


def mentions(store: FileStore, words: Sequence[str]) -> tuple[dict[str, str], int]:
    """The keys whose values hold one of the words, with the word; and how many keys were read."""
    found: dict[str, str] = {}
    read = 0
    with _connected(store) as redis:
        for database in _filled_databases(redis):
            redis.command("SELECT", database)
            for some in _batches(list(_scan(redis)), AT_ONCE):
                answers = redis.commands([("TYPE", key) for key in some])
                kinds = {key: as_text(_answer(one)) for key, one in zip(some, answers, strict=True)}
                values = _values(redis, kinds)
                read += len(values)
                for key, value in values.items():
                    name = f"{database}/{key.decode(errors='backslashreplace')}"
                    found |= {name: word for word in words if word.encode() in value}
    return found, read


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


def _answer(reply: Reply | RedisRefused) -> Reply:
    if isinstance(reply, RedisRefused):
        raise reply
    return reply


def _values(redis: Redis, kinds: dict[bytes, str]) -> dict[bytes, bytes]:
    """The canonical bytes of the values whose type is known; b"" for one that has ended."""
    known = [key for key, kind in kinds.items() if kind in READ]
    questions: list[Sequence[bytes | str]] = [(*READ[kinds[key]][0], key, *READ[kinds[key]][1]) for key in known]
    answers = dict(zip(known, redis.commands(questions), strict=True))
    groups = _groups(redis, [key for key in known if kinds[key] == "stream"])
    return {
        key: canonical(kinds[key], _answer(answer)) + groups.get(key, b"") if _there(answer) else b""
        for key, answer in answers.items()
    }


def _there(answer: Reply | RedisRefused) -> bool:
    return not (answer is None or answer == [] or isinstance(answer, RedisRefused))


def _groups(redis: Redis, streams: Sequence[bytes]) -> dict[bytes, bytes]:
    """Who reads the streams, and how far they are."""
    answers = redis.commands([("XINFO", "GROUPS", key) for key in streams])
    return {key: repr(answer).encode() for key, answer in zip(streams, answers, strict=True)}


def canonical(kind: str, value: Reply) -> bytes:
    """A value as bytes that do not depend on how the server keeps it.

    >>> canonical("set", [b"b", b"a"]) == canonical("set", [b"a", b"b"])
    True
    >>> canonical("list", [b"b", b"a"]) == canonical("list", [b"a", b"b"])
    False
    """
    parts = as_list(value) if isinstance(value, list) else [value]
    if kind == "set":
        parts = sorted(parts, key=repr)
    if kind == "hash":
        parts = [part for pair in sorted(_batches(parts, 2), key=repr) for part in pair]
    return f"{kind}:{parts!r}".encode()


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


def _batches(things: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (things[start : start + size] for start in range(0, len(things), size))
