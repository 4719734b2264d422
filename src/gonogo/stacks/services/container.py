"""Any other container that the application needs: a queue, a search engine, a worker. Nothing is verified of it."""

from __future__ import annotations

import socket
from http import HTTPStatus

from pydantic import Field, model_validator

from gonogo.core.deadline import Deadline
from gonogo.core.errors import DeadlineExceeded, StackError
from gonogo.spec.base import Seconds, Spec
from gonogo.stacks.docker.box import HOST, Box, Definition
from gonogo.stacks.docker.container import UNLIMITED, ContainerSpec
from gonogo.stacks.docker.images import Image
from gonogo.stacks.docker.service import InOwnContainer
from gonogo.stacks.docker.site import DockerSite
from gonogo.stacks.local.web import status_of
from gonogo.stacks.services import Declared, Text
from gonogo.stacks.started import Started

POLL_SECONDS = 0.02
CONNECT_SECONDS = 1.0
TAIL_LINES = 15


class ContainerParameters(Spec):
    """Keys of a container service. It has started when it lives, or answers where `port` and `ready` say."""

    image: str | None = None
    build: str | None = None  # folder that is built
    dockerfile: str = "Dockerfile"  # in that folder
    command: tuple[str, ...] = ()  # instead of the image's own
    environment: dict[str, Text] = Field(default_factory=dict)
    port: int | None = Field(default=None, ge=1, le=65535)  # that it listens on; published on 127.0.0.1 only
    ready: str | None = None  # a path there that answers 200 when it is ready; without it a connection is enough
    start_timeout: Seconds = 60.0
    container: ContainerSpec = UNLIMITED  # limits, health, files …

    @model_validator(mode="after")
    def _one_source(self) -> ContainerParameters:
        if (self.image is None) == (self.build is None):
            raise ValueError("needs image: or build:, one of them")
        if self.ready is not None and self.port is None:
            raise ValueError("ready: needs port:")
        return self


class PlainContainer(InOwnContainer):
    """Implements Service."""

    kind = "container"

    def __init__(self, declared: Declared, image: Image, site: DockerSite) -> None:
        parameters: ContainerParameters = declared.parameters
        self.name = declared.name
        environment = site.references.resolve(parameters.environment, f"services.{self.name}.environment")
        definition = Definition(
            service=self.name, image=image.id, command=parameters.command or None, environment=environment,
            port=parameters.port, alias=self.name, container=parameters.container, folder=declared.folder,
        )  # fmt: skip
        super().__init__(Box(site, definition))
        self._parameters = parameters

    @property
    def port(self) -> int:
        """On this host, 0 where it listens on none."""
        return self._box.port

    def start(self, deadline: Deadline) -> None:
        """Start it; returns when it answers. Raises StackError with the end of its output."""
        self._box.start()
        limit = deadline.within(self._parameters.start_timeout)
        try:
            limit.poll(self._answers, every_seconds=POLL_SECONDS, what=f"{self.name} answers")
        except DeadlineExceeded as error:
            raise StackError(f"services.{self.name}: {error}\n{self.log_tail(TAIL_LINES)}") from None
        self._box.await_healthy(deadline)

    def _answers(self) -> bool:
        if not self._box.is_running():
            code = self._box.exit_code()
            raise StackError(f"services.{self.name} ended with exit code {code}\n{self.log_tail(TAIL_LINES)}")
        if self._parameters.ready is not None:
            return status_of(self.port, self._parameters.ready) == HTTPStatus.OK
        return not self.port or _listens(self.port)


def _listens(port: int) -> bool:
    """Whether somebody behind the engine's own listener takes a connection: that one closes it at once otherwise."""
    try:
        with socket.create_connection((HOST, port), timeout=CONNECT_SECONDS) as connection:
            connection.settimeout(POLL_SECONDS)
            return connection.recv(1) != b""
    except TimeoutError:
        return True  # it waits for us to speak
    except OSError:
        return False


class ContainerKind:
    """A service kind."""

    parameters = ContainerParameters

    def docker(self, declared: Declared, site: DockerSite) -> Started:
        """Start it."""
        parameters: ContainerParameters = declared.parameters
        if parameters.image:
            image = site.images.find(parameters.image, site.deadline, parameters.container.pull)
        else:
            folder = declared.path(parameters.build or ".")
            image = site.images.build(
                folder, name=declared.name, scratch=site.scratch, deadline=site.deadline,
                dockerfile=parameters.dockerfile, pull=parameters.container.pull,
            )  # fmt: skip
        service = PlainContainer(declared, image, site)
        try:
            service.start(site.deadline)
        except BaseException:
            service.close()
            raise
        inside = _references(declared.name, parameters.port)
        outside = _references(HOST, service.port) if service.port else {}
        return Started(service=service, close=service.close, references=inside, outside=outside, image=image.evidence)


SERVICE = ContainerKind()


def _references(host: str, port: int | None) -> dict[str, str]:
    """What `${name.…}` gives."""
    return {"host": host} | ({"port": str(port), "url": f"http://{host}:{port}"} if port else {})
