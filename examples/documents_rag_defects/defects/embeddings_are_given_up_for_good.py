"""After the first failed call the embedding service is never asked again, until somebody restarts the process."""


def apply() -> None:
    """Remember the failure for ever."""
    from collections.abc import Sequence

    from reference_rag.embeddings import OpenAIEmbedder, Vector
    from reference_rag.errors import ModelUnavailable

    original = OpenAIEmbedder.embed
    failed: list[ModelUnavailable] = []

    async def embed(self: OpenAIEmbedder, texts: Sequence[str]) -> list[Vector]:
        if failed:
            raise ModelUnavailable(retry_after=5)
        try:
            return await original(self, texts)
        except ModelUnavailable as error:
            failed.append(error)
            raise

    OpenAIEmbedder.embed = embed  # type: ignore[method-assign]  # the defect
