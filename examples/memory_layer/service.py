"""The parts of the memory: those of the reference service, with a memory in the place of its documents."""

from dataclasses import dataclass
from pathlib import Path

from reference_rag import service as reference

from .memory import Memory
from .retention import Retention
from .settings import Settings

MIGRATIONS = Path(__file__).parent / "migrations"


@dataclass(slots=True, kw_only=True)
class Service(reference.Service):
    """What a request may need."""

    settings: Settings
    memory: Memory
    retention: Retention

    async def open(self) -> None:
        """Start the connection pool and the retention job."""
        await reference.Service.open(self)
        self.retention.start()

    async def close(self) -> None:
        """End the job, then the connections."""
        await self.retention.stop()
        await reference.Service.close(self)


def make_service(settings: Settings) -> Service:
    """Put the parts together; nothing is connected yet."""
    plain = reference.make_service(settings)
    memory = Memory(plain.rag.database, plain.rag.embedder, plain.rag.model, plain.rag.cache, plain.metrics)
    retention = Retention(memory, settings, [key.tenant for key in settings.api_keys])
    plain.metrics.watch(
        "memory_retention_last_run_seconds", "When the retention job last ended well.", lambda: retention.last_run
    )
    parts = plain.parts() | {"rag": memory, "migrations": MIGRATIONS}
    return Service(**parts, memory=memory, retention=retention)
