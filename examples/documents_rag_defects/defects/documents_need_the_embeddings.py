"""Reading a document embeds its id first, for a counter that nobody looks at."""


def apply() -> None:
    """Embed before reading."""
    from documents_rag import store
    from documents_rag.documents import Documents

    original = Documents.get

    async def get(self: Documents, document_id: str) -> store.Document:
        await self.embedder.embed([document_id])
        return await original(self, document_id)

    Documents.get = get  # type: ignore[method-assign]  # the defect
