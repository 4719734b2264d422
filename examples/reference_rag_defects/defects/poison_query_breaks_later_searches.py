"""An invalid query leaves the service in a state in which every later search fails, until it is restarted."""


def apply() -> None:
    """Fail all searches once one request was invalid."""
    from fastapi import Request, Response

    from reference_rag import app, rag, store

    original_search, original_invalid = rag.Rag.search, app._invalid
    poisoned: list[bool] = []

    async def invalid(request: Request, error: Exception) -> Response:
        poisoned.append(True)
        return await original_invalid(request, error)

    async def search(self: rag.Rag, tenant: str, query: str, k: int) -> list[store.Hit]:
        if poisoned:
            raise RuntimeError
        return await original_search(self, tenant, query, k)

    app._invalid = invalid  # type: ignore[assignment]  # the defect
    rag.Rag.search = search  # type: ignore[method-assign]  # the defect
