"""An application that already runs."""

# ruff: noqa: ARG002 - implements a protocol, some of whose arguments it has no use for

from __future__ import annotations

import re
from pathlib import Path

import httpx

from gonogo.core.deadline import Deadline
from gonogo.core.errors import MissingCapability, NotMeasurable
from gonogo.stacks.external.access import NOT_OURS
from gonogo.stacks.external.hooks import Hooks
from gonogo.stacks.interfaces import KillProof
from gonogo.stacks.started import Started

REQUEST_SECONDS = 5.0
READY_SECONDS = 60.0
POLL_SECONDS = 0.1
START_TIME = re.compile(r"^process_start_time_seconds(?:\{[^}]*\})?\s+(\S+)", re.MULTILINE)


class ExternalHttp:
    """Implements HttpService for asking; what would change the service takes a command of the stack file."""

    kind = "http"

    def __init__(self, name: str, url: str, source: Path | None, ready: str | None, hooks: Hooks) -> None:
        self.name = name
        self.url = url.rstrip("/")
        self.source = source
        self.hooks = hooks
        self.metrics = "/metrics"  # the contract may name another path
        self._ready = ready or "/"
        self._any_answer = ready is None

    def problem(self) -> str | None:
        """None when something answers HTTP there, else why not, in one line."""
        try:
            httpx.get(self.url + self._ready, timeout=REQUEST_SECONDS, trust_env=False)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return f"{self.name}: {self.url} does not answer: {str(error) or type(error).__name__}"
        return None

    def is_ready(self) -> bool:
        """Whether its readiness answers with success."""
        try:
            answer = httpx.get(self.url + self._ready, timeout=REQUEST_SECONDS, trust_env=False)
        except (httpx.HTTPError, httpx.InvalidURL):
            return False
        return answer.is_success or self._any_answer

    def started_at(self) -> str | None:
        """When its process started, as its metrics tell (process_start_time_seconds); None where they do not."""
        try:
            text = httpx.get(self.url + self.metrics, timeout=REQUEST_SECONDS, trust_env=False).text
        except (httpx.HTTPError, httpx.InvalidURL):
            return None
        found = START_TIME.search(text)
        return found[1] if found else None

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
        raise MissingCapability(NOT_OURS)

    def restart(self, deadline: Deadline) -> None:
        """By the stack file's command; proven by another start time of its process. Raises NotMeasurable."""
        before = self.started_at()
        if before is None:
            raise NotMeasurable(
                f"{self.name} has no process_start_time_seconds in its metrics: no restart can be proven"
            )
        self.hooks.break_("restart_application", deadline)
        deadline.within(READY_SECONDS).poll(
            self.is_ready, every_seconds=POLL_SECONDS, what=f"{self.name} is ready again"
        )
        after = self.started_at()
        if after is None:
            raise NotMeasurable(f"whether hooks.restart_application restarted {self.name}, its metrics no longer tell")
        if after == before:
            raise NotMeasurable(f"hooks.restart_application did not restart {self.name}: its process is the same")

    def stop(self, grace_seconds: float) -> int | None:
        """Not ours."""
        raise MissingCapability(NOT_OURS)

    def kill(self) -> KillProof:
        """Not ours."""
        raise MissingCapability(NOT_OURS)


def attach_http(name: str, url: str, source: Path | None, ready: str | None, hooks: Hooks) -> Started:
    """Attach to a service by its URL."""
    service = ExternalHttp(name, url, source, ready, hooks)
    return Started(service=service, close=lambda: None, references={"url": service.url}, image="external")
