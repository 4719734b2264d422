"""Deleting a document that does not exist is answered as a success."""


def apply() -> None:
    """Do not look at the number of rows."""
    from reference_rag import rag, store

    async def delete(self: rag.Rag, tenant: str, document_id: str) -> None:
        await self.database.write(tenant, lambda connection: store.delete_document(connection, document_id))

    rag.Rag.delete = delete  # type: ignore[method-assign]  # the defect
