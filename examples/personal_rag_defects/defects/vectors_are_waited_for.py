"""A request to a vector store that is away is tried again and again, for half a minute."""


def apply() -> None:
    """Only requests wait that long; readiness asks once."""
    import asyncio

    from personal_rag.vectors import Neighbour, VectorStore, VectorsUnavailable
    from reference_rag.embeddings import Vector

    tries = 30
    nearest = VectorStore.nearest

    async def patient(self: VectorStore, vector: Vector, k: int) -> list[Neighbour]:
        for _ in range(tries):
            try:
                return await nearest(self, vector, k)
            except VectorsUnavailable:
                await asyncio.sleep(1)
        return await nearest(self, vector, k)

    VectorStore.nearest = patient  # type: ignore[method-assign]  # the defect
