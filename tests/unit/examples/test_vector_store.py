"""The personal service's way to its vector store while that is away: nobody waits for another's turn."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from personal_rag.settings import PersonalSettings
from personal_rag.vectors import VectorStore, VectorsUnavailable, make_store
from reference_rag.embeddings import DIMENSIONS

AXIS = [1.0] + [0.0] * (DIMENSIONS - 1)
ASKING = 6
SECONDS = 0.3
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def in_a_loop_of_its_own(serve: Serve, use: Callable[[VectorStore], Awaitable[None]]) -> None:
    """In a thread: a browser of another test may have a loop that runs in this one."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(_with_server(serve, use))).result()


async def _with_server(serve: Serve, use: Callable[[VectorStore], Awaitable[None]]) -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    store = make_store(f"http://127.0.0.1:{port}", "passages", "", SECONDS)
    try:
        await use(store)
    finally:
        await store.close()
        server.close()


def test_those_who_ask_a_silent_store_share_one_request_and_its_failure() -> None:
    asked: list[bytes] = []

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        await reader.read()
        writer.close()

    async def use(store: VectorStore) -> None:
        failed = await asyncio.gather(*(store.nearest(AXIS, 3) for _ in range(ASKING)), return_exceptions=True)
        assert [type(one) for one in failed] == [VectorsUnavailable] * ASKING
        assert [one.split()[0] for one in asked] == [b"POST"]  # the collection, once
        with pytest.raises(VectorsUnavailable):
            await store.nearest(AXIS, 3)  # the next one asks again
        assert len(asked) == 2

    in_a_loop_of_its_own(silent, use)


def test_one_who_goes_away_takes_the_search_from_nobody() -> None:
    answer = asyncio.Event()

    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await answer.wait()
        body = b'{"id": "c1"}'
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()

    async def use(store: VectorStore) -> None:
        first, second = (asyncio.create_task(store._collection()) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        answer.set()
        assert await second == "c1"

    in_a_loop_of_its_own(late, use)


def test_the_limits_of_the_service_are_below_those_of_the_check() -> None:
    check = (Path(__file__).parents[3] / "chaos/vector_store_down.yaml").read_text()
    assert "slowest_answer: {at_most: 4s" in check
    assert PersonalSettings.model_fields["chroma_timeout"].default <= 3
