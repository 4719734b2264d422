"""Archiving deletes the message: its owner cannot read it any more."""


def apply() -> None:
    """Delete instead."""
    from memory_layer import store
    from reference_rag.database import Connection

    async def archive_message(connection: Connection, tenant: str, message_id: str) -> bool:
        return await store.delete_message(connection, message_id)

    store.archive_message = archive_message  # the defect is the replacement
