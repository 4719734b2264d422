"""Chroma over HTTP: one collection of passages, by the ids that the database gave them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx

from reference_rag.embeddings import DIMENSIONS, Vector
from reference_rag.errors import ServiceError

PLACE: Final = "/api/v2/tenants/default_tenant/databases/default_database/collections"
HNSW: Final = {"space": "cosine", "ef_construction": 200, "ef_search": 200, "max_neighbors": 24}
_RETRY_AFTER_SECONDS: Final = 1
_PAGE: Final = 500
_WARMING_SECONDS: Final = 30.0
_CONNECT_SECONDS: Final = 1.0  # also for a name that nobody knows any more, which resolvers take long to tell


class VectorsUnavailable(ServiceError):
    """The vector store cannot be reached, or refuses. A write may or may not have happened."""

    status, code, message = 503, "vectors_unavailable", "The vector store is not available."


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A chunk with its vector, as the store keeps it."""

    id: int
    document_id: str
    text: str
    vector: Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A chunk that is near; the distance is 1 minus the cosine."""

    id: int
    distance: float


class VectorStore:
    """The collection. It is made when it is first needed.

    A store that has just started reads its index at the first query, which takes seconds: `check` sees to that.
    """

    def __init__(self, client: httpx.AsyncClient, collection: str) -> None:
        self._client = client
        self._name = collection
        self._id: str | None = None
        self._finding: asyncio.Task[str] | None = None
        self._warming: asyncio.Task[None] | None = None

    async def close(self) -> None:
        """Close all connections."""
        tasks = [one for one in (self._warming, self._finding) if one is not None]
        for one in tasks:
            one.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.aclose()

    async def check(self, wait_seconds: float) -> None:
        """Ask whether it answers, has the collection and has read its index. Raises VectorsUnavailable."""
        warming = self._warming or asyncio.create_task(self._warm())
        self._warming = warming
        done, _ = await asyncio.wait({warming}, timeout=wait_seconds)
        if not done:
            raise VectorsUnavailable("The vector store reads its index.", retry_after=_RETRY_AFTER_SECONDS)
        if warming.exception() is not None:
            self._warming = None
            raise VectorsUnavailable(retry_after=_RETRY_AFTER_SECONDS)
        await self._ask("GET", f"{PLACE}/{self._name}")

    async def _warm(self) -> None:
        """The first query of a store's life, with time of its own."""
        axis = [1.0] + [0.0] * (DIMENSIONS - 1)
        body = {"query_embeddings": [axis], "n_results": 1, "include": ["distances"]}
        path = f"{PLACE}/{await self._collection()}/query"
        await self._ask("POST", path, body, timeout_seconds=_WARMING_SECONDS)

    async def add(self, passages: Sequence[Passage]) -> None:
        """Store passages, replacing what their ids held."""
        for offset in range(0, len(passages), _PAGE):
            page = passages[offset : offset + _PAGE]
            await self._of_collection(
                "upsert",
                {
                    "ids": [str(one.id) for one in page],
                    "embeddings": [one.vector for one in page],
                    "documents": [one.text for one in page],
                    "metadatas": [{"document_id": one.document_id} for one in page],
                },
            )

    async def remove(self, ids: Sequence[int]) -> None:
        """Remove vectors; those that are not there are no error."""
        if ids:
            await self._of_collection("delete", {"ids": [str(one) for one in ids]})

    async def nearest(self, vector: Vector, k: int) -> list[Neighbour]:
        """The `k` nearest, best first."""
        found = await self._of_collection(
            "query", {"query_embeddings": [vector], "n_results": k, "include": ["distances"]}
        )
        pairs = zip(found["ids"][0], found["distances"][0], strict=True)
        return [Neighbour(id=int(one), distance=float(distance)) for one, distance in pairs]

    async def ids(self) -> set[int]:
        """Every id that it holds."""
        known: set[int] = set()
        while True:
            page = await self._of_collection("get", {"include": [], "limit": _PAGE, "offset": len(known)})
            known.update(int(one) for one in page["ids"])
            if len(page["ids"]) < _PAGE:
                return known

    async def _of_collection(self, what: str, body: dict[str, Any]) -> Any:
        return await self._ask("POST", f"{PLACE}/{await self._collection()}/{what}", body)

    async def _collection(self) -> str:
        """Its id. Those who ask meanwhile share one search for it, and its failure: nobody waits for another's turn."""
        if self._id is not None:
            return self._id
        if self._finding is None or self._finding.done():
            self._finding = asyncio.create_task(self._find())
        return await asyncio.shield(self._finding)

    async def _find(self) -> str:
        body = {"name": self._name, "get_or_create": True, "configuration": {"hnsw": HNSW}}
        self._id = str((await self._ask("POST", PLACE, body))["id"])
        return self._id

    async def _ask(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, timeout_seconds: float | None = None
    ) -> Any:
        """Ask, and once more where a kept connection turned out to be dead: every request may be repeated."""
        for attempt in (1, 2):
            try:
                answer = await self._client.request(
                    method, path, json=body, timeout=timeout_seconds or self._client.timeout
                )
                answer.raise_for_status()
                return answer.json()
            except (httpx.RemoteProtocolError, httpx.ReadError) as error:
                if attempt == 2:
                    raise VectorsUnavailable(retry_after=_RETRY_AFTER_SECONDS) from error
            except (httpx.HTTPError, ValueError) as error:
                self._id = None  # perhaps another store answers there by now, or the same one, just started
                self._warming = None
                raise VectorsUnavailable(retry_after=_RETRY_AFTER_SECONDS) from error
        raise AssertionError  # the loop returns or raises


def make_store(url: str, collection: str, token: str, timeout_seconds: float) -> VectorStore:
    """The store at an address; nothing is connected yet. One that cannot even be reached is given up sooner."""
    timeout = httpx.Timeout(timeout_seconds, connect=min(_CONNECT_SECONDS, timeout_seconds))
    client = httpx.AsyncClient(
        base_url=url, timeout=timeout, headers={"x-chroma-token": token} if token else {}, trust_env=False
    )
    return VectorStore(client, collection)
