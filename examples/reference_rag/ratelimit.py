"""Rate limits per API key."""

import math
import time
from dataclasses import dataclass


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: float


class RateLimiter:
    """A token bucket for each key: a minute's worth may come at once, then the steady rate holds."""

    def __init__(self, default_per_minute: int, per_tenant: dict[str, int]) -> None:
        self._default_per_minute = default_per_minute
        self._per_tenant = per_tenant
        self._buckets: dict[str, _Bucket] = {}

    def take(self, key_id: str, tenant: str) -> int:
        """Take one request: 0 when it may go on, else the whole seconds after which the next one may."""
        limit = self._per_tenant.get(tenant, self._default_per_minute)
        now = time.monotonic()
        bucket = self._buckets.setdefault(key_id, _Bucket(tokens=limit, filled_at=now))
        bucket.tokens = min(limit, bucket.tokens + (now - bucket.filled_at) * limit / 60)
        bucket.filled_at = now
        if bucket.tokens >= 1:
            bucket.tokens -= 1
            return 0
        return math.ceil((1 - bucket.tokens) * 60 / limit)
