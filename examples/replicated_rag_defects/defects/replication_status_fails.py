"""The report of the standbys ends in an internal error."""


def apply() -> None:
    """Fail."""
    from replicated_rag import replication

    async def status(self: replication.Replication, tenant: str) -> replication.Status:
        raise RuntimeError(tenant)

    replication.Replication.status = status  # type: ignore[method-assign]  # the defect
