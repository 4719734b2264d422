"""The retention job: archives what is old and unimportant, deletes what was archived long ago, and says that it did."""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from reference_rag.database import Connection
from reference_rag.errors import ServiceError
from reference_rag.logs import event

from . import store
from .memory import Memory
from .settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A finished run, over all tenants."""

    started_at: datetime
    finished_at: datetime
    archived: int
    deleted: int


class Retention:
    """Runs on its schedule while the service does, and whenever it is asked to. Several may run at once."""

    def __init__(self, memory: Memory, settings: Settings, tenants: Sequence[str]) -> None:
        self._memory = memory
        self._settings = settings
        self._tenants = tuple(dict.fromkeys(tenants))
        self._schedule: asyncio.Task[None] | None = None
        self.last_run = 0.0  # seconds since the epoch

    def start(self) -> None:
        """Run now, and then on schedule."""
        self._schedule = asyncio.create_task(self._on_schedule())

    async def stop(self) -> None:
        """No further run; one that goes on is rolled back where it is."""
        if self._schedule:
            self._schedule.cancel()
            await asyncio.gather(self._schedule, return_exceptions=True)

    async def run(self) -> Run:
        """Archive and delete, each tenant in a transaction of its own. Raises ServiceError."""
        started_at, archived, deleted = datetime.now(UTC), 0, 0
        for tenant in self._tenants:
            archived_here, deleted_here = await self._run_for(tenant)
            archived, deleted = archived + archived_here, deleted + deleted_here
        finished_at = await self._memory.database.write(
            self._tenants[0], lambda connection: store.note_run(connection, started_at, archived, deleted)
        )
        self.last_run = time.time()
        event("retention", archived=archived, deleted=deleted)
        return Run(started_at=started_at, finished_at=finished_at, archived=archived, deleted=deleted)

    async def _run_for(self, tenant: str) -> tuple[int, int]:
        settings = self._settings
        max_age = timedelta(days=settings.retention_max_age_days)
        delete_after = timedelta(days=settings.retention_delete_after_days)

        async def work(connection: Connection) -> tuple[int, int]:
            deleted = await store.delete_old(connection, tenant, delete_after)
            threshold = settings.retention_importance_threshold
            return await store.archive_old(connection, tenant, max_age, threshold), deleted

        return await self._memory.change(tenant, work)

    async def _on_schedule(self) -> None:
        while True:
            try:
                await self.run()
            except ServiceError as error:
                event("retention failed", level=logging.WARNING, code=error.code)
            except Exception:  # noqa: BLE001  # a job that dies silently is noticed when the disk is full
                event("retention failed", level=logging.ERROR, exc_info=True)
            await asyncio.sleep(self._settings.retention_schedule_seconds)
