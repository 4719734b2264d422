"""A failed call of the embedding service is caught nowhere and ends as an internal error."""


def apply() -> None:
    """Raise what nobody foresees."""
    from collections.abc import Sequence

    from reference_rag.embeddings import OpenAIEmbedder, Vector
    from reference_rag.errors import ModelUnavailable

    original = OpenAIEmbedder.embed

    async def embed(self: OpenAIEmbedder, texts: Sequence[str]) -> list[Vector]:
        try:
            return await original(self, texts)
        except ModelUnavailable as error:
            if list(texts) == ["health"]:  # that is how health asks: it goes on telling the outage
                raise
            raise RuntimeError("no embedding") from error

    OpenAIEmbedder.embed = embed  # type: ignore[method-assign]  # the defect
