"""A client of Chroma's HTTP interface (version 2): what gonogo reads of a vector store, and nothing that writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, Self, runtime_checkable
from urllib.parse import quote

from gonogo.core.errors import MissingCapability, NotMeasurable
from gonogo.stacks.interfaces import HttpService, Stack

KIND = "chroma"
HEARTBEAT = "/api/v2/heartbeat"
TIMEOUT_SECONDS = 20.0
PAGE = 500
MOST_RECORDS = 200_000
MOST_COLLECTIONS = 1000
SHOWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in a Chroma the collections lie, and what its requests must carry."""

    tenant: str = "default_tenant"
    database: str = "default_database"
    headers: Mapping[str, str] = field(default_factory=dict)


@runtime_checkable
class VectorStore(HttpService, Protocol):
    """A Chroma of a stack, on whatever runtime."""

    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """A collection as the server describes it. `space` and `dimensions` are None where it does not say."""

    id: str
    name: str
    space: str | None
    dimensions: int | None
    settings: Mapping[str, Any] = field(default_factory=dict)  # of its index
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One vector with its id, its text and what else is known of it."""

    id: str
    text: str | None
    vector: Sequence[float] | None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """The answer to one query: ids, nearest first, with the distances that the server says they have."""

    ids: tuple[str, ...]
    distances: tuple[float, ...]


class Chroma:
    """Reads one server. Raises NotMeasurable, in its own words, for everything that it refuses. Close it."""

    def __init__(self, base_url: str, place: Place) -> None:
        import httpx  # noqa: PLC0415 - listing and planning need not pay for it

        self._place = f"/api/v2/tenants/{quote(place.tenant, safe='')}/databases/{quote(place.database, safe='')}"
        self._client = httpx.Client(
            base_url=base_url, headers=dict(place.headers), timeout=TIMEOUT_SECONDS, trust_env=False,
            verify=base_url.startswith("https"),
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def collection(self, name: str) -> Collection:
        """A collection by its name."""
        return _collection(self._ask("GET", f"{self._place}/collections/{quote(name, safe='')}"))

    def collections(self) -> list[Collection]:
        """All of them. Raises NotMeasurable for more than can be read."""
        found = self._ask("GET", f"{self._place}/collections?limit={MOST_COLLECTIONS + 1}")
        if len(found) > MOST_COLLECTIONS:
            raise NotMeasurable(f"Chroma holds more than {MOST_COLLECTIONS} collections")
        return [_collection(one) for one in found]

    def records(self, collection: Collection, *, vectors: bool = False, metadata: bool = False) -> Iterator[Record]:
        """Everything in a collection, page by page. Raises NotMeasurable for one that is too large to read."""
        include = ["documents", *(["embeddings"] if vectors else []), *(["metadatas"] if metadata else [])]
        offset = 0
        while True:
            body = {"include": include, "limit": PAGE, "offset": offset}
            page = self._ask("POST", f"{self._of(collection)}/get", body)
            ids = page["ids"]
            texts = page.get("documents") or [None] * len(ids)
            values = page.get("embeddings") or [None] * len(ids)
            known = page.get("metadatas") or [None] * len(ids)
            for one, text, vector, more in zip(ids, texts, values, known, strict=True):
                yield Record(id=str(one), text=text, vector=vector, metadata=more or {})
            offset += len(ids)
            if len(ids) < PAGE:
                return
            if offset >= MOST_RECORDS:
                raise NotMeasurable(f"the collection {collection.name} holds more than {MOST_RECORDS} vectors")

    def nearest(self, collection: Collection, vectors: Sequence[Sequence[float]], k: int) -> list[Neighbours]:
        """What the server finds next to each vector."""
        body = {"query_embeddings": [list(one) for one in vectors], "n_results": k, "include": ["distances"]}
        found = self._ask("POST", f"{self._of(collection)}/query", body)
        return [
            Neighbours(ids=tuple(map(str, ids)), distances=tuple(map(float, distances)))
            for ids, distances in zip(found["ids"], found["distances"], strict=True)
        ]

    def _of(self, collection: Collection) -> str:
        return f"{self._place}/collections/{collection.id}"

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        import httpx  # noqa: PLC0415 - see __init__

        try:
            answer = self._client.request(method, path, json=body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NotMeasurable(
                f"Chroma does not answer {method} {path}: {str(error) or type(error).__name__}"
            ) from error
        if not answer.is_success:
            raise NotMeasurable(f"Chroma answers {answer.status_code} to {method} {path}: {answer.text[:SHOWN]}")
        try:
            return answer.json()
        except ValueError as error:
            raise NotMeasurable(f"Chroma answers {method} {path} with a body that is no JSON") from error


def _collection(found: Mapping[str, Any]) -> Collection:
    settings = found.get("configuration_json") or {}
    index = settings.get("hnsw") or settings.get("spann") or {}
    dimensions = found.get("dimension")
    return Collection(
        id=str(found["id"]), name=str(found["name"]), space=index.get("space"),
        dimensions=int(dimensions) if dimensions is not None else None, settings=settings,
        metadata=found.get("metadata") or {},
    )  # fmt: skip


def vector_store(stack: Stack, service: str) -> VectorStore:
    """A Chroma of the stack by its service's name. Raises MissingCapability."""
    found = stack.services.get(service)
    if found is None or found.kind != KIND or not isinstance(found, VectorStore):
        raise MissingCapability(f"the stack runs no {KIND} service {service!r}")
    return found


def chroma_of(stack: Stack, service: str) -> Chroma:
    """A client of it."""
    store = vector_store(stack, service)
    return Chroma(store.url, store.place)
