"""A request that finds no free connection waits for one as long as it takes: an outage without an error."""


def apply() -> None:
    """Only requests wait that long; readiness keeps its own short limit."""
    from reference_rag.database import Connection, Database

    for_ever_seconds = 3600.0
    acquire = Database._acquire

    async def acquire_at_last(self: Database, wait_seconds: float) -> Connection:
        return await acquire(self, for_ever_seconds if wait_seconds == self.pool_timeout else wait_seconds)

    Database._acquire = acquire_at_last  # type: ignore[method-assign]  # the defect is the replacement
