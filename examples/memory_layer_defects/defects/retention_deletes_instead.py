"""The retention job deletes what is old, where it should archive it."""


def apply() -> None:
    """Delete by the condition of archiving; what was archived is treated as always."""
    from datetime import timedelta

    from memory_layer import store
    from reference_rag.database import Connection

    async def archive_old(connection: Connection, tenant: str, age: timedelta, threshold: float) -> int:
        cursor = await connection.execute(
            "DELETE FROM messages WHERE tenant_id = %s AND archived_at IS NULL"
            " AND created_at < now() - %s AND importance < %s",
            [tenant, age, threshold],
        )
        return cursor.rowcount

    store.archive_old = archive_old  # the defect is the replacement
