"""While the vector store is away, every question is answered with what the last one found."""


def apply() -> None:
    """A fallback that knows nothing of the question: better stale than an error, somebody thought."""
    from personal_rag.vectors import Neighbour, VectorStore, VectorsUnavailable
    from reference_rag.embeddings import Vector

    nearest = VectorStore.nearest
    last: list[Neighbour] = []

    async def or_remembered(self: VectorStore, vector: Vector, k: int) -> list[Neighbour]:
        try:
            last[:] = await nearest(self, vector, k)
        except VectorsUnavailable:
            if not last:
                raise
        return list(last)

    VectorStore.nearest = or_remembered  # type: ignore[method-assign]  # the defect
