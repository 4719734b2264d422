"""The retention job died, and its route says that everything is fine."""


def apply() -> None:
    """Neither run on schedule nor when asked to."""
    from datetime import UTC, datetime

    from memory_layer import retention

    async def run(self: retention.Retention) -> retention.Run:
        now = datetime.now(UTC)
        return retention.Run(started_at=now, finished_at=now, archived=0, deleted=0)

    retention.Retention.run = run  # type: ignore[method-assign]  # the defect
