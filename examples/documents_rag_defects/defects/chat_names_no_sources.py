"""Chat answers without naming the documents that the answer rests on."""


def apply() -> None:
    """Drop the sources of every answer."""
    from dataclasses import replace

    from documents_rag.documents import Documents
    from reference_rag.rag import Answer

    original = Documents.chat

    async def chat(self: Documents, session: str, message: str) -> Answer:
        return replace(await original(self, session, message), sources=[])

    Documents.chat = chat  # type: ignore[method-assign]  # the defect
