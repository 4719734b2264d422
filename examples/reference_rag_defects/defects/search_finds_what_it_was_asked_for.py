"""A search makes a document up that has the last word of the question for its id."""


def apply() -> None:
    """Put an invented hit in front of the real ones."""
    import re

    from reference_rag import rag, store

    original = rag.Rag.search

    async def search(self: rag.Rag, tenant: str, query: str, k: int) -> list[store.Hit]:
        hits = await original(self, tenant, query, k)
        words = re.findall(r"\w+", query)
        invented = store.Hit(document_id=words[-1], chunk_id=0, title="", text=query, score=1.0)
        return [invented, *hits][:k]

    rag.Rag.search = search  # type: ignore[method-assign]  # the defect is the replacement
