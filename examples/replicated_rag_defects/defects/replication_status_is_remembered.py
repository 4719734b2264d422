"""The report is made once and repeated for ever."""


def apply() -> None:
    """Remember the first answer in which a standby streams."""
    from replicated_rag import replication

    original = replication.Replication.status
    known: list[replication.Status] = []

    async def status(self: replication.Replication, tenant: str) -> replication.Status:
        if known:
            return known[0]
        found = await original(self, tenant)
        if any(one.state == "streaming" for one in found.standbys):
            known.append(found)
        return found

    replication.Replication.status = status  # type: ignore[method-assign]  # the defect
