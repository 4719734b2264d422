"""The report says what pg_stat_replication says: a standby that froze streams on, with the lag of its last message."""


def apply() -> None:
    """Take the server's state, and no lag in seconds: what a standby that kept up reports before it freezes."""
    from dataclasses import replace
    from typing import Any

    from replicated_rag import replication

    original = replication.Replication.standby

    def standby(self: replication.Replication, row: Any) -> replication.Standby:
        return replace(original(self, row), state=row[1], lag_seconds=0.0)

    replication.Replication.standby = standby  # type: ignore[method-assign]  # the defect
