"""The keys of a Redis with their values, read so that they can be compared whatever order the server keeps them in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import TypeGuard, TypeVar

from gonogo.core.errors import NotMeasurable
from gonogo.drills.stores import Item
from gonogo.stacks.redis import Redis, RedisRefused, Reply, as_list, as_text

T = TypeVar("T")
AT_ONCE = 200
MOST_KEYS = 200_000
# A value of each type in an order that does not depend on how the server keeps it.
READ: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "string": (("GET",), ()),
    "list": (("LRANGE",), ("0", "-1")),
    "set": (("SMEMBERS",), ()),
    "zset": (("ZRANGE",), ("0", "-1", "WITHSCORES")),
    "hash": (("HGETALL",), ()),
    "stream": (("XRANGE",), ("-", "+")),
}


def filled_databases(redis: Redis) -> list[int]:
    """The numbers of the databases that hold anything."""
    return [int(name.removeprefix("db")) for name in redis.info("keyspace") if name.startswith("db")]


def scan(redis: Redis, pattern: bytes = b"*") -> Iterator[bytes]:
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


def keys_of(redis: Redis, database: int) -> Iterator[tuple[str, Item]]:
    """Every key of a database by `database/key`; what ends while it is read is not there."""
    redis.command("SELECT", database)
    for some in batches(list(scan(redis)), AT_ONCE):
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


def mentions(redis: Redis, words: Sequence[str]) -> tuple[dict[str, str], int]:
    """The keys whose values hold one of the words, with the word; and how many keys were read."""
    found: dict[str, str] = {}
    read = 0
    for database in filled_databases(redis):
        redis.command("SELECT", database)
        for some in batches(list(scan(redis)), AT_ONCE):
            answers = redis.commands([("TYPE", key) for key in some])
            kinds = {key: as_text(_answer(one)) for key, one in zip(some, answers, strict=True)}
            values = _values(redis, kinds)
            read += len(values)
            for key, value in values.items():
                said = next((word for word in words if word.encode() in value), None)
                if said is not None:
                    found[f"{database}/{key.decode(errors='backslashreplace')}"] = said
    return found, read


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
        key: canonical(kinds[key], answer) + groups.get(key, b"") if _there(answer, kinds[key]) else b""
        for key, answer in answers.items()
    }


def _there(answer: Reply | RedisRefused, kind: str) -> TypeGuard[Reply]:
    """Whether a key had a value when that was read: only a stream can be there with nothing in it."""
    return not (answer is None or isinstance(answer, RedisRefused) or (answer == [] and kind != "stream"))


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
        parts = [part for pair in sorted(batches(parts, 2), key=repr) for part in pair]
    return f"{kind}:{parts!r}".encode()


def batches(things: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """So many at a time."""
    return (things[start : start + size] for start in range(0, len(things), size))
