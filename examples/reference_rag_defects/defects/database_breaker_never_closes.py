"""A circuit breaker around the database opens after the first failure and has no way back."""


def apply() -> None:
    """Note that the database was away once, and never forget it."""
    from reference_rag.database import Connection, Database
    from reference_rag.errors import DatabaseUnavailable

    note_reachable, acquire = Database._note_reachable, Database._acquire
    is_open = False

    def note(self: Database, *, reachable: bool) -> None:
        nonlocal is_open
        is_open = is_open or not reachable
        note_reachable(self, reachable=reachable)

    async def guarded_acquire(self: Database, wait_seconds: float) -> Connection:
        if is_open:
            raise DatabaseUnavailable(retry_after=1)
        return await acquire(self, wait_seconds)

    Database._note_reachable = note  # type: ignore[method-assign]  # the defect is the replacement
    Database._acquire = guarded_acquire  # type: ignore[method-assign]
