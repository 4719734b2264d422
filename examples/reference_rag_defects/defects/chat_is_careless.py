"""Every third chat ends as an internal error, and the others do not say what they rest on."""


def apply() -> None:
    """Fail now and then, and drop the sources of what succeeds."""
    from dataclasses import replace
    from itertools import count

    from reference_rag import rag

    original, numbers = rag.Rag.chat, count(1)

    async def chat(self: rag.Rag, tenant: str, session: str, message: str) -> rag.Answer:
        if next(numbers) % 3 == 0:
            raise RuntimeError("no answer this time")
        return replace(await original(self, tenant, session, message), sources=[])

    rag.Rag.chat = chat  # type: ignore[method-assign]  # the defect
