"""Nobody catches the pool's timeout: callers get a plain 500 that says neither what is wrong nor when to come again."""


def apply() -> None:
    """Let the driver's own errors through to the requests; readiness still translates them."""
    from reference_rag.database import Connection, Database

    acquire = Database._acquire

    async def bare_acquire(self: Database, wait_seconds: float) -> Connection:
        if wait_seconds == self.pool_timeout:
            return await self.pool.getconn(timeout=wait_seconds)
        return await acquire(self, wait_seconds)

    Database._acquire = bare_acquire  # type: ignore[method-assign]  # the defect is the replacement
