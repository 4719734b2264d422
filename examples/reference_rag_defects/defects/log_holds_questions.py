"""Every question that a person asks is logged in full."""


def apply() -> None:
    """Log the query of each search."""
    from reference_rag import logs, rag, store

    original = rag.Rag.search

    async def search(self: rag.Rag, tenant: str, query: str, k: int) -> list[store.Hit]:
        logs.event("search", query=query)
        return await original(self, tenant, query, k)

    rag.Rag.search = search  # type: ignore[method-assign]  # the defect
