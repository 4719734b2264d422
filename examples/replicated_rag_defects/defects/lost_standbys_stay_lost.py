"""A standby that was lost once is called absent for ever, also when it has come back."""


def apply() -> None:
    """Keep the names of those that were not there."""
    from dataclasses import replace

    from replicated_rag import replication

    original = replication.Replication.status
    lost: set[str] = set()

    async def status(self: replication.Replication, tenant: str) -> replication.Status:
        found = await original(self, tenant)
        lost.update(one.name for one in found.standbys if one.state == replication.ABSENT)
        standbys = tuple(
            replication.Standby(name=one.name, state=replication.ABSENT) if one.name in lost else one
            for one in found.standbys
        )
        return replace(found, standbys=standbys)

    replication.Replication.status = status  # type: ignore[method-assign]  # the defect
