"""The retention job deletes, and forgets to archive what is old."""


def apply() -> None:
    """Archive none."""
    from datetime import timedelta

    from memory_layer import store
    from reference_rag.database import Connection

    async def archive_old(connection: Connection, tenant: str, age: timedelta, threshold: float) -> int:
        return 0

    store.archive_old = archive_old  # the defect is the replacement
