"""The retention job archives messages and leaves their passages in the vector index."""


def apply() -> None:
    """Set the mark only."""
    from datetime import timedelta

    from memory_layer import store
    from reference_rag.database import Connection

    async def archive_old(connection: Connection, tenant: str, age: timedelta, threshold: float) -> int:
        cursor = await connection.execute(store.ARCHIVE_OLD, {"tenant": tenant, "age": age, "threshold": threshold})
        return len(await cursor.fetchall())

    store.archive_old = archive_old  # the defect is the replacement
