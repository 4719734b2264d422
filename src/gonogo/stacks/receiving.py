"""Receiving one answer: bounded in time and size, with what had come where it breaks off."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from gonogo.stacks.exchange import Answer
from gonogo.stacks.sse import TYPE

if TYPE_CHECKING:
    import httpx

BODY_LIMIT_BYTES = 16 * 2**20


class Receiving:
    """One answer on its way."""

    def __init__(self, *, request: str, limit_seconds: float) -> None:
        self._request = request
        self._started = time.monotonic()
        self._until = self._started + limit_seconds
        self._status: int | None = None
        self._headers: Mapping[str, str] = {}
        self._body = bytearray()
        self._arrivals: list[tuple[int, float]] = []

    @property
    def is_stream(self) -> bool:
        """Whether events come."""
        return self._headers.get("content-type", "").startswith(TYPE)

    def read(self, response: httpx.Response) -> None:
        """The whole body, but no longer than until the limit, and no more than a sane amount. Raises HTTPError."""
        import httpx  # noqa: PLC0415 - 0.1 s that listing and planning need not pay

        self._status = response.status_code
        self._headers = {name.lower(): value for name, value in response.headers.items()}
        for chunk in response.iter_bytes():
            self._body += chunk
            if self.is_stream:
                self._arrivals.append((len(self._body), time.monotonic() - self._started))
            if time.monotonic() > self._until:
                raise httpx.ReadTimeout("the answer took too long to arrive")
            if len(self._body) > BODY_LIMIT_BYTES:
                raise httpx.ReadError(f"the answer is larger than {BODY_LIMIT_BYTES} bytes")

    def answer(self, error: str = "") -> Answer:
        """What has come. An answer that broke off is none, but a stream that did has said something."""
        seconds = time.monotonic() - self._started
        if error and not self.is_stream:
            return Answer(request=self._request, headers={}, error=error, started=self._started, seconds=seconds)
        return Answer(
            request=self._request,
            status=self._status,
            headers=self._headers,
            body=bytes(self._body),
            broken=f"its stream was cut: {error}" if error else "",
            arrivals=tuple(self._arrivals),
            started=self._started,
            seconds=seconds,
        )
