"""Search lets the model rewrite each query first: while the model is down, nothing is found."""


def apply() -> None:
    """Ask the model before each search."""
    from reference_rag import rag, store

    original = rag.Rag.search

    async def search(self: rag.Rag, tenant: str, query: str, k: int) -> list[store.Hit]:
        await self.model.complete([{"role": "user", "content": f"Rewrite this query: {query}"}])
        return await original(self, tenant, query, k)

    rag.Rag.search = search  # type: ignore[method-assign]  # the defect
