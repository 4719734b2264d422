"""Every fifteenth search ends in an internal error."""


def apply() -> None:
    """Raise what nobody foresaw, now and then."""
    from itertools import count
    from typing import Any

    from reference_rag.rag import Rag

    search = Rag.search
    searches = count(1)

    async def failing_search(self: Rag, tenant: str, query: str, k: int) -> Any:
        if next(searches) % 15 == 0:
            raise RuntimeError("dictionary changed size during iteration")
        return await search(self, tenant, query, k)

    Rag.search = failing_search  # type: ignore[method-assign]  # the defect is the replacement
