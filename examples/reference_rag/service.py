"""The parts of the service, put together from the settings."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import httpx

from .auth import Authenticator
from .cache import TenantCache
from .database import Database
from .embeddings import make_embedder
from .llm import ChatModel, CircuitBreaker
from .metrics import Metrics
from .migrate import MIGRATIONS
from .rag import Rag
from .ratelimit import RateLimiter
from .settings import Settings


@dataclass(slots=True, kw_only=True)
class Service:
    """What a request may need."""

    settings: Settings
    authenticator: Authenticator
    rate_limiter: RateLimiter
    rag: Rag
    breaker: CircuitBreaker
    metrics: Metrics
    client: httpx.AsyncClient
    draining: bool = False
    migrations: Path = MIGRATIONS  # what the database must have before the service is ready

    def parts(self) -> dict[str, Any]:
        """The parts by name, for a service that has some of its own besides."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    async def open(self) -> None:
        """Start the connection pool."""
        await self.rag.database.open()

    async def close(self) -> None:
        """Close the connections to the database and to the model."""
        await self.rag.database.close()
        await self.client.aclose()


def make_service(settings: Settings) -> Service:
    """Put the parts together; nothing is connected yet."""
    metrics = Metrics()
    breaker = CircuitBreaker(
        failures=settings.breaker_failures,
        open_seconds=settings.breaker_open,
        trials=settings.breaker_trials,
        on_trip=metrics.breaker_trips.inc,
    )
    key = settings.openai_api_key.get_secret_value()
    client = httpx.AsyncClient(
        timeout=settings.llm_timeout, headers={"Authorization": f"Bearer {key}"} if key else {}, trust_env=False
    )
    database = Database(
        settings.database_url.get_secret_value(),
        pool_min=settings.pool_min,
        pool_max=settings.pool_max,
        pool_timeout=settings.pool_timeout,
        timeout=settings.database_timeout,
    )
    _watch(metrics, database, breaker)
    return Service(
        settings=settings,
        authenticator=Authenticator(settings.api_keys),
        rate_limiter=RateLimiter(settings.rate_limit_per_minute, settings.rate_limits),
        rag=Rag(
            database,
            make_embedder(settings, client),
            ChatModel(settings, client, breaker, metrics),
            TenantCache(settings.cache_size, settings.cache_ttl),
            metrics,
        ),
        breaker=breaker,
        metrics=metrics,
        client=client,
    )


def _watch(metrics: Metrics, database: Database, breaker: CircuitBreaker) -> None:
    def pool(name: str) -> float:
        return database.pool.get_stats().get(name, 0)

    def utilisation() -> float:
        return (pool("pool_size") - pool("pool_available")) / pool("pool_max")

    metrics.watch("rag_circuit_breaker_state", "0 closed, 1 half-open, 2 open.", lambda: breaker.state)
    metrics.watch("rag_db_pool_size", "Connections open or being opened.", lambda: pool("pool_size"))
    metrics.watch("rag_db_pool_available", "Idle connections.", lambda: pool("pool_available"))
    metrics.watch("rag_db_pool_max", "Most connections allowed.", lambda: pool("pool_max"))
    metrics.watch("rag_db_pool_waiting", "Requests waiting for one.", lambda: pool("requests_waiting"))
    metrics.watch("rag_db_pool_utilisation", "Connections in use, as a share of the most allowed.", utilisation)
