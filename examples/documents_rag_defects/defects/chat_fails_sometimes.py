"""Every tenth chat ends as an internal error."""


def apply() -> None:
    """Fail now and then."""
    from itertools import count

    from documents_rag.documents import Documents
    from reference_rag.rag import Answer

    original, numbers = Documents.chat, count(1)

    async def chat(self: Documents, session: str, message: str) -> Answer:
        if next(numbers) % 10 == 0:
            raise RuntimeError("no answer this time")
        return await original(self, session, message)

    Documents.chat = chat  # type: ignore[method-assign]  # the defect
