"""A document is deleted by its id alone, so that whoever knows an id destroys it."""


def apply() -> None:
    """Make the deletion go through all tenants until one has the document."""
    import os

    from reference_rag import errors, rag, settings

    tenants = sorted({key.tenant for key in settings.load_settings(os.environ).api_keys})
    delete_own = rag.Rag.delete

    async def delete_any(self: rag.Rag, tenant: str, document_id: str) -> None:
        for owner in (tenant, *tenants):
            try:
                return await delete_own(self, owner, document_id)
            except errors.NotFound:
                continue
        raise errors.NotFound

    rag.Rag.delete = delete_any  # type: ignore[method-assign]  # the defect is the replacement
