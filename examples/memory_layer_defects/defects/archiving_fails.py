"""Archiving always ends in an internal error."""


def apply() -> None:
    """Fail."""
    from memory_layer import store
    from reference_rag.database import Connection

    async def archive_message(connection: Connection, tenant: str, message_id: str) -> bool:
        raise RuntimeError(message_id)

    store.archive_message = archive_message  # the defect is the replacement
