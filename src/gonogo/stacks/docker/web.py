"""An HTTP service in a container."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from gonogo.core.deadline import Deadline
from gonogo.core.errors import DeadlineExceeded, MissingCapability, StackError
from gonogo.stacks.docker.box import HOST, Box, Definition
from gonogo.stacks.docker.service import InOwnContainer
from gonogo.stacks.docker.site import DockerSite
from gonogo.stacks.local.web import is_ready

POLL_SECONDS = 0.02
TAIL_LINES = 15
EVERY_ADDRESS = "0.0.0.0"  # noqa: S104 - of the container; the engine publishes it on 127.0.0.1 only


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """When a service counts as started, and how long it may take to start and to stop."""

    ready: str | None  # a path that answers 200; None: any answer will do
    start_seconds: float
    stop_grace_seconds: float


class DockerHttp(InOwnContainer):
    """Implements HttpService."""

    def __init__(
        self, *, name: str, kind: str, site: DockerSite, definition: Definition, life: Life, source: Path | None = None
    ) -> None:
        self.name = name
        self.kind = kind
        self.source = source
        told = {"HOST": EVERY_ADDRESS, "PORT": str(definition.port)}
        super().__init__(Box(site, replace(definition, environment={**told, **definition.environment})))
        self._life = life
        self.port = self._box.port
        self.url = f"http://{HOST}:{self.port}"

    @property
    def inside(self) -> Mapping[str, str]:
        """Where other containers reach it."""
        definition = self._box.definition
        return {"url": f"http://{definition.alias}:{definition.port}", "port": str(definition.port)}

    @property
    def outside(self) -> Mapping[str, str]:
        """Where this host reaches it."""
        return {"url": self.url, "port": str(self.port)}

    def log_text(self) -> str:
        """All its output so far."""
        try:
            return self._box.log_text()
        except StackError as error:
            raise MissingCapability(str(error)) from error

    def start(self, deadline: Deadline) -> None:
        """Start it; returns when it is ready. Raises StackError with the end of its output."""
        self._box.start()
        self.port = self._box.port
        self.url = f"http://{HOST}:{self.port}"
        limit = deadline.within(self._life.start_seconds)
        try:
            limit.poll(self._is_ready, every_seconds=POLL_SECONDS, what=f"{self.name} becomes ready")
            self._box.await_healthy(deadline)
        except DeadlineExceeded:
            self.kill()
            raise StackError(
                f"{self.name}: {self._life.ready or 'it'} did not answer{' 200' if self._life.ready else ''} within"
                f" {self._life.start_seconds:.0f} s\n{self.log_tail(TAIL_LINES)}"
            ) from None
        except BaseException:
            self.kill()
            raise

    def _is_ready(self) -> bool:
        if is_ready(self.port, self._life.ready):
            return True
        if not self._box.is_running():
            raise StackError(f"{self.name} ended with exit code {self._box.exit_code()}\n{self.log_tail(TAIL_LINES)}")
        return False

    def restart(self, deadline: Deadline) -> None:
        """Stop gracefully, start the same container again on the same port."""
        self.stop(self._life.stop_grace_seconds)
        self.start(deadline)

    def stop(self, grace_seconds: float) -> int | None:
        """Its stop signal, wait, then SIGKILL. Returns the exit code, None if it did not run."""
        return self._box.stop(grace_seconds)
