"""Chat answers without naming the documents that the answer rests on."""


def apply() -> None:
    """Drop the sources of every answer."""
    from dataclasses import replace

    from reference_rag import rag

    original = rag.Rag.chat

    async def chat(self: rag.Rag, tenant: str, session: str, message: str) -> rag.Answer:
        return replace(await original(self, tenant, session, message), sources=[])

    rag.Rag.chat = chat  # type: ignore[method-assign]  # the defect
