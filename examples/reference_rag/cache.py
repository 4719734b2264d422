"""A small cache of search results, per tenant. It lives in this process: several processes rely on its TTL."""

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Generic, TypeVar

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class _Entry(Generic[Value]):
    value: Value
    generation: int
    expires_at: float


class TenantCache(Generic[Value]):
    """Least recently used entries go first; a write of a tenant makes all its entries stale at once."""

    def __init__(self, size: int, ttl_seconds: float) -> None:
        self._size = size
        self._ttl_seconds = ttl_seconds
        self._entries: OrderedDict[tuple[str, str], _Entry[Value]] = OrderedDict()
        self._generations: dict[str, int] = {}

    @property
    def enabled(self) -> bool:
        """Whether anything is kept at all."""
        return self._size > 0

    def generation(self, tenant: str) -> int:
        """The count of the tenant's writes. Take it before the value is computed and hand it to `put`."""
        return self._generations.get(tenant, 0)

    def get(self, tenant: str, key: str) -> Value | None:
        """The value, if it is there, fresh and not older than the tenant's last write."""
        entry = self._entries.get((tenant, key))
        if entry is None:
            return None
        if entry.generation != self.generation(tenant) or entry.expires_at <= time.monotonic():
            del self._entries[tenant, key]
            return None
        self._entries.move_to_end((tenant, key))
        return entry.value

    def put(self, tenant: str, key: str, value: Value, generation: int) -> None:
        """Keep `value`, which was computed when the tenant was at `generation`."""
        self._entries[tenant, key] = _Entry(value, generation, time.monotonic() + self._ttl_seconds)
        self._entries.move_to_end((tenant, key))
        while len(self._entries) > self._size:
            self._entries.popitem(last=False)

    def invalidate(self, tenant: str) -> None:
        """The tenant has written."""
        self._generations[tenant] = self.generation(tenant) + 1
