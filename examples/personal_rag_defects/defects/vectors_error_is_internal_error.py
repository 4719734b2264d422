"""Nobody foresaw that the vector store may be away: the caller gets a 500."""


def apply() -> None:
    """Let the error out as one that no handler knows."""
    from personal_rag.vectors import Neighbour, VectorStore, VectorsUnavailable
    from reference_rag.embeddings import Vector

    nearest = VectorStore.nearest

    async def unforeseen(self: VectorStore, vector: Vector, k: int) -> list[Neighbour]:
        try:
            return await nearest(self, vector, k)
        except VectorsUnavailable as error:
            raise RuntimeError from error

    VectorStore.nearest = unforeseen  # type: ignore[method-assign]  # the defect
