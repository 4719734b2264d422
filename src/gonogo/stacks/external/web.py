"""An application that already runs."""

# ruff: noqa: ARG002 - implements a protocol, some of whose arguments it has no use for

from __future__ import annotations

from pathlib import Path

import httpx

from gonogo.core.deadline import Deadline
from gonogo.core.errors import MissingCapability
from gonogo.stacks.external.database import READ_ONLY
from gonogo.stacks.interfaces import KillProof
from gonogo.stacks.started import Started

REQUEST_SECONDS = 5.0


class ExternalHttp:
    """Implements HttpService for asking; what would change the service raises MissingCapability."""

    kind = "http"

    def __init__(self, name: str, url: str, source: Path | None, ready: str) -> None:
        self.name = name
        self.url = url.rstrip("/")
        self.source = source
        self._ready = ready

    def problem(self) -> str | None:
        """None when something answers HTTP there, else why not, in one line."""
        try:
            httpx.get(self.url + self._ready, timeout=REQUEST_SECONDS)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return f"{self.name}: {self.url} does not answer: {str(error) or type(error).__name__}"
        return None

    def is_running(self) -> bool:
        """Whether it answers."""
        return self.problem() is None

    def pids(self) -> tuple[int, ...]:
        """Not known."""
        return ()

    def log_tail(self, lines: int = 40) -> str:
        """Cannot be read."""
        return ""

    def log_text(self) -> str:
        """Cannot be read."""
        raise MissingCapability(READ_ONLY)

    def restart(self, deadline: Deadline) -> None:
        """Not ours."""
        raise MissingCapability(READ_ONLY)

    def stop(self, grace_seconds: float) -> int | None:
        """Not ours."""
        raise MissingCapability(READ_ONLY)

    def kill(self) -> KillProof:
        """Not ours."""
        raise MissingCapability(READ_ONLY)


def attach_http(name: str, url: str, source: Path | None, ready: str) -> Started:
    """Attach to a service by its URL."""
    service = ExternalHttp(name, url, source, ready)
    return Started(service=service, close=lambda: None, references={"url": service.url}, image="external")
