"""A search that was asked before is answered from a cache that no write ever clears."""


def apply() -> None:
    """Remember every answer for ever."""
    from reference_rag import rag, store

    original = rag.Rag.search
    known: dict[tuple[str, str, int], list[store.Hit]] = {}

    async def search(self: rag.Rag, tenant: str, query: str, k: int) -> list[store.Hit]:
        if (tenant, query, k) not in known:
            known[tenant, query, k] = await original(self, tenant, query, k)
        return known[tenant, query, k]

    rag.Rag.search = search  # type: ignore[method-assign]  # the defect is the replacement
