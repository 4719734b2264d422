"""A client that lost the vector store once is never used again, and only a restart makes a new one."""


def apply() -> None:
    """Note the first failure, and never forget it."""
    from typing import Any

    from personal_rag.vectors import VectorStore, VectorsUnavailable

    ask = VectorStore._ask
    lost = False

    async def once(self: VectorStore, method: str, path: str, *rest: Any, **named: Any) -> Any:
        nonlocal lost
        if lost:
            raise VectorsUnavailable(retry_after=1)
        try:
            return await ask(self, method, path, *rest, **named)
        except VectorsUnavailable:
            lost = True
            raise

    VectorStore._ask = once  # type: ignore[method-assign]  # the defect
