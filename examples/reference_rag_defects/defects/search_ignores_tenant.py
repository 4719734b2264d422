"""A search looks through the documents of all tenants: somebody made one shared search and forgot the filter."""


def apply() -> None:
    """Make the search ask as every tenant and merge what they have."""
    import os

    from reference_rag import rag, settings, store

    tenants = sorted({key.tenant for key in settings.load_settings(os.environ).api_keys})
    search_own = rag.Rag._search_database

    async def search_all(self: rag.Rag, tenant: str, query: str, k: int) -> list[store.Hit]:
        hits = [hit for one in tenants for hit in await search_own(self, one, query, k)]
        return sorted(hits, key=lambda hit: -hit.score)[:k]

    rag.Rag._search_database = search_all  # type: ignore[method-assign]  # the defect is the replacement
