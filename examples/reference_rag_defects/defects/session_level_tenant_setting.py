"""The tenant is set for the session and not for the transaction: it is still set when the pool hands the session on."""


def apply() -> None:
    """Make the beginning of a transaction set the tenant for good."""
    from reference_rag import database

    async def begin(self: database.Database, connection: database.Connection, tenant: str) -> None:
        await connection.execute("SELECT set_config('app.tenant', %s, false)", [tenant])

    database.Database.begin = begin  # type: ignore[method-assign]  # the defect is the replacement
