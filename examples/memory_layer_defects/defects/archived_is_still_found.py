"""Archiving sets the mark and leaves the passages where they are: searches go on finding them."""


def apply() -> None:
    """Forget no passage of a message that a client archives."""
    from memory_layer import store
    from reference_rag.database import Connection

    async def archive_message(connection: Connection, tenant: str, message_id: str) -> bool:
        cursor = await connection.execute(
            "UPDATE messages SET archived_at = coalesce(archived_at, now()) WHERE id = %s", [message_id]
        )
        return cursor.rowcount > 0

    store.archive_message = archive_message  # the defect is the replacement
