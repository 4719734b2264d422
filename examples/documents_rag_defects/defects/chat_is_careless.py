"""Every third chat ends as an internal error, and the others do not say what they rest on."""


def apply() -> None:
    """Fail now and then, and drop the sources of what succeeds."""
    from dataclasses import replace
    from itertools import count

    from documents_rag.documents import Documents
    from reference_rag import rag

    original, numbers = Documents.chat, count(1)

    async def chat(self: Documents, session: str, message: str) -> rag.Answer:
        if next(numbers) % 3 == 0:
            raise RuntimeError("no answer this time")
        return replace(await original(self, session, message), sources=[])

    Documents.chat = chat  # type: ignore[method-assign]  # the defect
