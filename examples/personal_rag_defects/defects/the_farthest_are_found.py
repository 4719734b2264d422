"""Search asks for the neighbours of the opposite vector, as after a mistaken sign."""


def apply() -> None:
    """Turn every query around."""
    from personal_rag.vectors import Neighbour, VectorStore
    from reference_rag.embeddings import Vector

    nearest = VectorStore.nearest

    async def farthest(self: VectorStore, vector: Vector, k: int) -> list[Neighbour]:
        return await nearest(self, [-value for value in vector], k)

    VectorStore.nearest = farthest  # type: ignore[method-assign]  # the defect
