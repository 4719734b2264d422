"""Delete answers 204 and leaves the document where it is."""


def apply() -> None:
    """Succeed without touching the database."""
    from reference_rag import rag

    async def delete(self: rag.Rag, tenant: str, document_id: str) -> None:
        await self.get(tenant, document_id)

    rag.Rag.delete = delete  # type: ignore[method-assign]  # the defect
