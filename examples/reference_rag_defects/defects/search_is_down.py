"""Every search ends in a 500, while health goes on answering."""


def apply() -> None:
    """Let the search fail before it reaches the database."""
    from reference_rag import rag, store

    async def search(self: rag.Rag, tenant: str, query: str, k: int) -> list[store.Hit]:
        raise RuntimeError

    rag.Rag.search = search  # type: ignore[method-assign]  # the defect
