"""How drills read and write a Chroma: what they plant, what they compare, and the ledger's entries."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from gonogo.core.errors import MissingCapability, NotMeasurable
from gonogo.drills.stores import Item, Portrait
from gonogo.drills.stores._servers import named_or_only
from gonogo.stacks.chroma import KIND, Chroma, Collection, Record

if TYPE_CHECKING:
    from gonogo.pg.vectors import Exact
    from gonogo.stacks.chroma import VectorStore
    from gonogo.stacks.context import Context
    from gonogo.stacks.interfaces import FileStore

PREFIX = "gonogo_drill_"
PLANTED, LEDGER = f"{PREFIX}planted", f"{PREFIX}ledger"
DELETED = "deleted"
DIMENSIONS = 8
PLANTED_RECORDS = 12
RATE_PER_SECOND = 20.0
K = 10
QUERIES = 40
SEED = 20_261_201
OPERATORS = {"cosine": "<=>", "l2": "<->", "ip": "<#>"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What one collection was asked before the copy, and the truth, computed by gonogo."""

    collection: str
    queries: Sequence[Sequence[float]]
    truths: Sequence[Exact]


class DrillChroma(Chroma):
    """A client that also writes: what a drill plants, and removes again."""

    def make(self, name: str) -> Collection:
        """A collection of this name, made where missing."""
        self._ask("POST", f"{self._place}/collections", {"name": name, "get_or_create": True})
        return self.collection(name)

    def remove(self, name: str) -> None:
        """Remove a collection, if it is there."""
        if any(one.name == name for one in self.collections()):
            self._ask("DELETE", f"{self._place}/collections/{name}")

    def put(self, collection: Collection, records: Sequence[Record]) -> None:
        """Store records, replacing what their ids held."""
        body = {
            "ids": [one.id for one in records], "embeddings": [list(one.vector or ()) for one in records],
            "documents": [one.text for one in records], "metadatas": [dict(one.metadata) for one in records],
        }  # fmt: skip
        self._ask("POST", f"{self._of(collection)}/upsert", body)

    def drop(self, collection: Collection, ids: Sequence[str]) -> None:
        """Remove records."""
        self._ask("POST", f"{self._of(collection)}/delete", {"ids": list(ids)})


def connected(store: FileStore) -> DrillChroma:
    """A client of a store."""
    server = cast("VectorStore", store)
    return DrillChroma(server.url, server.place)


def server_of(context: Context, name: str | None) -> FileStore:
    """The Chroma that a drill is about. Raises MissingCapability where there is none, or several."""
    from gonogo.stacks.interfaces import FileStore  # noqa: PLC0415 - planning needs none

    wanted = named_or_only(context, KIND, name)
    found = context.stack.services.get(wanted)
    if found is None or found.kind != KIND or not isinstance(found, FileStore):
        raise MissingCapability(f"the stack runs no {KIND} service {wanted!r} whose files can be reached")
    return found


class ChromaReader:
    """Implements StoreReader and Searched."""

    rate_per_second = RATE_PER_SECOND
    deleted = f"{PLANTED}/{DELETED}"

    @contextmanager
    def planted(self, context: Context, store: FileStore) -> Iterator[Callable[[], None]]:  # noqa: ARG002 - a protocol
        """A small collection with metadata of every type, so that a store without any is compared, too."""
        with connected(store) as server:
            server.remove(PLANTED)
            try:
                collection = server.make(PLANTED)
                server.put(collection, list(_planting()))
                server.remove(LEDGER)
                server.make(LEDGER)
                yield lambda: server.drop(collection, [DELETED])
            finally:
                with suppress(NotMeasurable):
                    server.remove(PLANTED)

    def portrait(self, store: FileStore) -> Portrait:
        """Every collection with its settings, and every record with its vector apart; questions of known answer."""
        items: dict[str, Item] = {}
        known: list[Known] = []
        with connected(store) as server:
            for collection in server.collections():
                if collection.name == LEDGER:
                    continue
                records = list(server.records(collection, vectors=True, metadata=True))
                items[collection.name] = Item(kind="collection", digest=_digest(_described(collection)))
                items.update(_items(collection, records))
                known += _known(collection, records)
        return Portrait(items=items, group=_group, read_at_ms=time.time_ns() // 1_000_000, known=tuple(known))

    def writer(self, store: FileStore) -> ChromaWriter:
        """A connection of its own."""
        return ChromaWriter(connected(store))

    def entries(self, store: FileStore) -> set[int]:
        """The numbers of the ledger that are there."""
        with connected(store) as server:
            if all(one.name != LEDGER for one in server.collections()):
                return set()
            return {int(one.id) for one in server.records(server.collection(LEDGER))}

    def forget(self, store: FileStore) -> None:
        """Remove the ledger's collection."""
        with connected(store) as server:
            server.remove(LEDGER)

    def answers_right(self, store: FileStore, before: Portrait) -> bool:
        """Whether every collection finds the one record that is nearest to a known vector."""
        with connected(store) as server:
            there = {one.name: one for one in server.collections()}
            for one in cast("tuple[Known, ...]", before.known):
                if one.collection not in there:
                    return False
                [answer] = server.nearest(there[one.collection], one.queries[:1], 1)
                if not answer.ids or not _is_nearest(one.truths[0], answer.ids[0]):
                    return False
        return bool(before.known)

    def recalls(self, store: FileStore, before: Portrait) -> dict[str, list[float]]:
        """For every known question of every collection."""
        from gonogo.pg.vectors import recall  # noqa: PLC0415 - planning needs no numpy

        found: dict[str, list[float]] = {}
        with connected(store) as server:
            there = {one.name: one for one in server.collections()}
            for one in cast("tuple[Known, ...]", before.known):
                if one.collection not in there:
                    found[one.collection] = [0.0] * len(one.truths)
                    continue
                answers = server.nearest(there[one.collection], one.queries, K)
                found[one.collection] = [
                    recall(truth, answer.ids) for truth, answer in zip(one.truths, answers, strict=True)
                ]
        return found


class ChromaWriter:
    """Implements Writer."""

    def __init__(self, server: DrillChroma) -> None:
        self._server = server
        self._collection = server.collection(LEDGER)

    def write(self, number: int) -> None:
        """Store a record."""
        vector = [float(number), *([1.0] * (DIMENSIONS - 1))]
        self._server.put(self._collection, [Record(id=str(number), text=str(number), vector=vector)])

    def delete(self, number: int) -> None:
        """Delete a record."""
        self._server.drop(self._collection, [str(number)])

    def close(self) -> None:
        """Close the connection."""
        self._server.close()


def _planting() -> Iterator[Record]:
    for number in range(PLANTED_RECORDS):
        vector = [1.0 if place == number % DIMENSIONS else 0.125 * number for place in range(DIMENSIONS)]
        metadata = {"text": f"record {number}", "number": number, "share": number / 3, "even": number % 2 == 0}
        yield Record(id=f"planted-{number}", text=f"Planted record {number}.", vector=vector, metadata=metadata)
    yield Record(id=DELETED, text="it was there yesterday", vector=[9.0] * DIMENSIONS, metadata={"text": "gone"})


def _described(collection: Collection) -> Mapping[str, Any]:
    return {
        "settings": collection.settings, "metadata": collection.metadata, "dimensions": collection.dimensions
    }  # fmt: skip


def _items(collection: Collection, records: Sequence[Record]) -> Iterator[tuple[str, Item]]:
    import numpy as np  # noqa: PLC0415 - planning needs no numpy

    for one in records:
        name = f"{collection.name}/{one.id}"
        yield name, Item(kind="record", digest=_digest({"text": one.text, "metadata": one.metadata}))
        if one.vector is not None:
            packed = np.asarray(one.vector, dtype="<f4").tobytes()
            yield f"{name} (vector)", Item(kind="vector", digest=hashlib.sha256(packed).hexdigest())


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _known(collection: Collection, records: Sequence[Record]) -> Iterator[Known]:
    """Stored vectors as questions, spread evenly over the collection; the truth is computed from all of them."""
    import numpy as np  # noqa: PLC0415 - planning needs no numpy

    from gonogo.pg.vectors import Vectors, exact_top  # noqa: PLC0415 - as above

    with_vectors = [one for one in records if one.vector is not None]
    if len(with_vectors) < len(records):
        raise NotMeasurable(f"Chroma does not show every vector of {collection.name}")
    if not with_vectors or collection.space not in OPERATORS:
        return
    values = np.asarray([one.vector for one in with_vectors], dtype=np.float32)
    keys = np.array([one.id for one in with_vectors])
    stored = Vectors(keys=keys, tenants=np.array([""] * len(keys)), values=values)
    rows = np.random.default_rng(SEED).choice(len(keys), size=min(QUERIES, len(keys)), replace=False)
    queries = values[rows].astype(np.float64)
    truths = exact_top(queries, stored, K, OPERATORS[collection.space])
    yield Known(collection=collection.name, queries=queries.tolist(), truths=truths)


def _is_nearest(truth: Exact, key: str) -> bool:
    """Whether nothing is nearer to the question than this; several may be equally near."""
    best = min(truth.by_key[one] for one in truth.keys)
    return truth.by_key.get(key, float("inf")) <= best + 1e-6 * max(abs(best), 1.0)


def _group(name: str) -> str:
    return f"collection {name.partition('/')[0]}"
