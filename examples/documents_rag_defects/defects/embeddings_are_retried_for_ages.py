"""A call of the embedding service that fails is repeated every second, ten times, before the caller is told."""


def apply() -> None:
    """Keep the caller waiting; only health asks once."""
    import asyncio
    from collections.abc import Sequence

    from reference_rag.embeddings import OpenAIEmbedder, Vector
    from reference_rag.errors import ModelUnavailable

    original = OpenAIEmbedder.embed

    async def embed(self: OpenAIEmbedder, texts: Sequence[str]) -> list[Vector]:
        for _ in range(0 if list(texts) == ["health"] else 9):
            try:
                return await original(self, texts)
            except ModelUnavailable:
                await asyncio.sleep(1)
        return await original(self, texts)

    OpenAIEmbedder.embed = embed  # type: ignore[method-assign]  # the defect
