"""After it lost its database the service answers for five seconds from memory: with the hits of the last search."""


def apply() -> None:
    """A fallback that knows nothing of the question: better stale than an error, somebody thought."""
    import time
    from typing import Any

    from reference_rag.database import Database
    from reference_rag.rag import Rag

    fallback_seconds = 5.0
    search, note_reachable = Rag.search, Database._note_reachable
    last: dict[str, Any] = {}
    lost_at = -fallback_seconds

    def note(self: Database, *, reachable: bool) -> None:
        nonlocal lost_at
        if not reachable:
            lost_at = time.monotonic()
        note_reachable(self, reachable=reachable)

    async def search_or_remember(self: Rag, tenant: str, query: str, k: int) -> Any:
        if tenant not in last or time.monotonic() - lost_at > fallback_seconds:
            last[tenant] = await search(self, tenant, query, k)
        return last[tenant]

    Database._note_reachable = note  # type: ignore[method-assign]  # the defect is the replacement
    Rag.search = search_or_remember  # type: ignore[method-assign]
