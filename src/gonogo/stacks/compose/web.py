"""The application of a Compose project."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path

from gonogo.core.deadline import Deadline
from gonogo.core.errors import StackError
from gonogo.stacks.compose.member import Member
from gonogo.stacks.docker.box import HOST, Definition
from gonogo.stacks.docker.web import TAIL_LINES, DockerHttp, Life
from gonogo.stacks.local.web import status_of


class ComposeHttp(DockerHttp):
    """Implements HttpService. Ready: what the stack file says, else the container's health check, else any answer."""

    def __init__(self, member: Member, *, kind: str, life: Life, asks_ready: bool, source: Path | None) -> None:
        definition = Definition(service=member.name, image=member.written.image.id, alias=member.written.name)
        super().__init__(name=member.name, kind=kind, site=member.site, definition=definition, life=life, source=source)
        self._box = self._adopted = member.box()
        self.port = member.outside
        self.url = f"http://{HOST}:{self.port}"
        self._asks_ready = asks_ready
        self._checks_health = bool(member.container.attrs["State"].get("Health"))

    def start(self, deadline: Deadline) -> None:
        """As any service. Where its health check alone is waited for, the error says what that said."""
        try:
            super().start(deadline)
        except StackError as error:
            health = self._adopted.container.attrs["State"].get("Health") or {}
            if self._asks_ready or health.get("Status", "healthy") == "healthy":
                raise
            raise StackError(
                f"{error}\n{self._adopted.health_words()} (services.{self.name}.ready: a path to wait for instead)"
            ) from error

    def _is_ready(self) -> bool:
        if self._adopted.has_ended():
            return super()._is_ready()  # which says so
        if self._asks_ready:
            return status_of(self.port, self._life.ready or "/") == HTTPStatus.OK
        if self._checks_health and self._adopted.container.attrs["State"]["Health"]["Status"] != "healthy":
            return False
        return self._answers()

    def _answers(self) -> bool:
        status = status_of(self.port, "/")
        return status is not None and status < HTTPStatus.INTERNAL_SERVER_ERROR

    def fill(self, command: Sequence[str], deadline: Deadline) -> None:
        """Run a command inside of its container that fills the database. Raises StackError."""
        done = self._box.execute(command, deadline=deadline)
        if done.exit_code:
            said = "\n".join((done.stderr or done.stdout).splitlines()[-TAIL_LINES:])
            raise StackError(f"services.{self.name}.seed failed with exit code {done.exit_code}\n{said}")
