"""Embedding a query calls a remote service without awaiting it: one search is quick, many queue behind each other."""


def apply() -> None:
    """Block the event loop at every search, as a synchronous client in an async function does."""
    import time
    from typing import Any

    from reference_rag.rag import Rag

    search = Rag.search

    async def blocking(self: Rag, tenant: str, query: str, k: int) -> Any:
        time.sleep(0.12)  # noqa: ASYNC251 - that is the defect
        return await search(self, tenant, query, k)

    Rag.search = blocking  # type: ignore[method-assign]  # the defect
