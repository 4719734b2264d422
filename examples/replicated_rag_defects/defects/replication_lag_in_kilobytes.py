"""The report calls kilobytes bytes: a lag looks a thousand times smaller than it is."""


def apply() -> None:
    """Divide."""
    from dataclasses import replace
    from typing import Any

    from replicated_rag import replication

    original = replication.Replication.standby

    def standby(self: replication.Replication, row: Any) -> replication.Standby:
        found = original(self, row)
        return replace(found, lag_bytes=None if found.lag_bytes is None else found.lag_bytes // 1024)

    replication.Replication.standby = standby  # type: ignore[method-assign]  # the defect
