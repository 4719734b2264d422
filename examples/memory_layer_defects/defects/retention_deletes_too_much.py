"""The retention job deletes whatever is archived, however short ago, and what is not old enough to be archived."""


def apply() -> None:
    """Ask for neither the mark nor the right age: 10 days, where archives are kept for 90."""
    from datetime import timedelta

    from memory_layer import store
    from reference_rag.database import Connection

    async def delete_old(connection: Connection, tenant: str, age: timedelta) -> int:
        cursor = await connection.execute(
            "DELETE FROM messages WHERE tenant_id = %s AND (archived_at IS NOT NULL OR created_at < now() - %s)",
            [tenant, age / 9],
        )
        return cursor.rowcount

    store.delete_old = delete_old  # the defect is the replacement
