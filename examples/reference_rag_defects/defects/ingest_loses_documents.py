"""Ingest answers 201 and stores nothing, because the write runs later and its failure is not noticed."""


def apply() -> None:
    """Acknowledge without writing."""
    from reference_rag import rag
    from reference_rag.chunking import chunks_of

    async def ingest(self: rag.Rag, tenant: str, document_id: str, title: str, text: str) -> int:
        return len(chunks_of(text))

    rag.Rag.ingest = ingest  # type: ignore[method-assign]  # the defect
