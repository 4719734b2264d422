"""What the small APIs have in common: documents of tenants, kept in memory, and a search that counts shared words."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

WORD = re.compile(r"\w+")


@dataclass
class Library:
    """Documents by tenant and id."""

    shelves: dict[str, dict[str, str]] = field(default_factory=dict)

    def put(self, tenant: str, id: str, text: str) -> None:  # noqa: A002 - as in the APIs
        """Store a text under an id."""
        self.shelves.setdefault(tenant, {})[id] = text

    def get(self, tenant: str, id: str) -> str | None:  # noqa: A002 - as in the APIs
        """A text, None where there is none."""
        return self.shelves.get(tenant, {}).get(id)

    def remove(self, tenant: str, id: str) -> bool:  # noqa: A002 - as in the APIs
        """Whether it was there."""
        return self.shelves.get(tenant, {}).pop(id, None) is not None

    def find(self, tenant: str, query: str, k: int) -> list[tuple[str, str, float]]:
        """(id, text, score between 0 and 1) of those that share words with the query, the best first."""
        wanted = set(WORD.findall(query.lower()))
        scored = [
            (key, text, len(wanted & set(WORD.findall(text.lower()))) / max(1, len(wanted)))
            for key, text in self.shelves.get(tenant, {}).items()
        ]
        return sorted((one for one in scored if one[2] > 0), key=lambda one: -one[2])[:k]
