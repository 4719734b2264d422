"""A deleted document is gone from the documents but still found by search, from a cache that nobody told."""


def apply() -> None:
    """Answer a repeated question from memory for ever."""
    from reference_rag import rag, store

    original = rag.Rag.search
    remembered: dict[tuple[str, str, int], list[store.Hit]] = {}

    async def search(self: rag.Rag, tenant: str, query: str, k: int) -> list[store.Hit]:
        key = (tenant, query, k)
        if key not in remembered:
            remembered[key] = await original(self, tenant, query, k)
        return remembered[key]

    rag.Rag.search = search  # type: ignore[method-assign]  # the defect
