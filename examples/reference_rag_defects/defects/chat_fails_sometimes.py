"""Every tenth chat ends as an internal error."""


def apply() -> None:
    """Fail now and then."""
    from itertools import count

    from reference_rag import rag

    original, numbers = rag.Rag.chat, count(1)

    async def chat(self: rag.Rag, tenant: str, session: str, message: str) -> rag.Answer:
        if next(numbers) % 10 == 0:
            raise RuntimeError("no answer this time")
        return await original(self, tenant, session, message)

    rag.Rag.chat = chat  # type: ignore[method-assign]  # the defect
