"""A document is looked up by its id alone, so that whoever knows an id reads it."""


def apply() -> None:
    """Make the lookup go through all tenants until one has the document."""
    import os

    from reference_rag import errors, rag, settings, store

    tenants = sorted({key.tenant for key in settings.load_settings(os.environ).api_keys})
    get_own = rag.Rag.get

    async def get_any(self: rag.Rag, tenant: str, document_id: str) -> store.Document:
        for owner in (tenant, *tenants):
            try:
                return await get_own(self, owner, document_id)
            except errors.NotFound:
                continue
        raise errors.NotFound

    rag.Rag.get = get_any  # type: ignore[method-assign]  # the defect is the replacement
