"""Redis or Valkey, where the machine has one."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pydantic import Field, field_validator

from gonogo.core.deadline import Deadline
from gonogo.core.errors import DeadlineExceeded, MissingCapability, StackError, StackTimedOut
from gonogo.spec.base import Spec
from gonogo.stacks.compose.member import Member, PlainService, Written, addresses, only
from gonogo.stacks.compose.rewrite import Reached
from gonogo.stacks.docker.box import Box, Definition
from gonogo.stacks.docker.container import UNLIMITED, ContainerSpec
from gonogo.stacks.docker.images import Image
from gonogo.stacks.docker.service import InOwnContainer
from gonogo.stacks.docker.site import DockerSite
from gonogo.stacks.docker.storage import make_volume, remove_volume
from gonogo.stacks.docker.stores import copy_out, filled
from gonogo.stacks.interfaces import LOADING, KillProof, StoreRequest
from gonogo.stacks.local.files import copy_path
from gonogo.stacks.local.processes import kill_tree
from gonogo.stacks.local.site import Child, Site
from gonogo.stacks.local.tools import end_of
from gonogo.stacks.services import Declared, Text
from gonogo.stacks.started import Started

PROGRAMS = ("redis-server", "valkey-server")
HOST = "127.0.0.1"
PORT = 6379
DATA = "/data"  # of the official image
START_SECONDS = 20.0
POLL_SECONDS = 0.005
NOTHING_KEPT = {"save": "", "appendonly": "no"}  # unless the stack file says otherwise
OURS = ("bind", "port", "dir", "unixsocket", "daemonize", "requirepass", "include", "tls-port", "replicaof")


class RedisParameters(Spec):
    """Keys of a redis service."""

    image: str = "redis:7"
    settings: dict[str, Text] = Field(default_factory=dict)  # of redis.conf, e.g. {save: "3600 1", appendonly: "yes"}
    container: ContainerSpec = UNLIMITED  # docker

    @field_validator("settings")
    @classmethod
    def _not_ours(cls, settings: dict[str, str]) -> dict[str, str]:
        if taken := [name for name in settings if name.lower() in OURS]:
            raise ValueError(f"{', '.join(taken)}: where it runs, and who may reach it, is up to the runtime")
        return {name.lower(): {"on": "yes", "off": "no"}.get(value, value) for name, value in settings.items()}


class LocalRedis:
    """Implements RedisServer. `settings` are those of the stack file, or what replaces them."""

    kind = "redis"

    def __init__(self, name: str, program: str, site: Site, settings: Mapping[str, str]) -> None:
        self.name = name
        self.port = site.port()
        self.settings = {**NOTHING_KEPT, **settings}
        self.data = site.scratch / f"{name}-data"
        self.data.mkdir()
        self._program = program
        self._site = site
        self._log = site.scratch / f"{name}.log"
        self._child: Child | None = None

    @property
    def references(self) -> Mapping[str, str]:
        """What `${cache.…}` gives."""
        return {"url": f"redis://{HOST}:{self.port}/0", "host": HOST, "port": str(self.port)}

    @property
    def home(self) -> str:
        """The folder of its data."""
        return str(self.data)

    def copy_out(self, relative: str, target: Path, deadline: Deadline) -> None:  # noqa: ARG002 - a protocol
        """Copy what lies below that folder."""
        copy_path(self.data / relative, target)

    def is_running(self) -> bool:
        """Whether its process lives."""
        return self._child is not None and self._child.running()

    def pids(self) -> tuple[int, ...]:
        """Its process."""
        return (self._child.pid,) if self._child is not None and self._child.running() else ()

    def log_tail(self, lines: int = 40) -> str:
        """The end of its output."""
        return "\n".join(end_of(self._log).splitlines()[-lines:])

    def start(self, deadline: Deadline) -> None:
        """Start it; returns when it answers PING, its files read. Raises StackError, StackTimedOut."""
        options = ["--bind", HOST, "--port", str(self.port), "--dir", str(self.data), *options_of(self.settings)]
        self._child = self._site.spawn(self.name, [self._program, *options], folder=Path("/"), log=self._log)
        try:
            deadline.within(START_SECONDS).poll(self._answers, every_seconds=POLL_SECONDS, what=f"{self.name} answers")
        except BaseException as error:
            self.kill()
            if isinstance(error, DeadlineExceeded):
                raise StackTimedOut(f"{self.name} did not start\n{self.log_tail(10)}") from None
            raise

    def kill(self) -> KillProof:
        """SIGKILL."""
        proof = kill_tree(self._child.pid if self._child is not None and self._child.running() else None)
        if self._child is not None:
            self._child.gone()
        return proof

    def close(self) -> None:
        """End it. Safe to call twice."""
        self.kill()

    def _answers(self) -> bool:
        if not self.is_running():
            raise StackError(f"{self.name} did not start\n{self.log_tail(10)}")
        return answers_ping(self.port)


class DockerRedis(InOwnContainer):
    """Implements RedisServer; its data lie in a volume."""

    kind = "redis"

    def __init__(self, declared: Declared, image: Image, site: DockerSite, settings: Mapping[str, str]) -> None:
        self.name = name = declared.name
        self.home = make_volume(site, name)
        self._image = image
        self._site = site
        options = ["--dir", DATA, *options_of({**NOTHING_KEPT, **settings})]
        definition = Definition(
            service=name, image=image.id, command=["redis-server", *options], port=PORT,
            alias=name, mounts={self.home: (DATA, "rw")}, container=declared.parameters.container,
            folder=declared.folder,
        )  # fmt: skip
        super().__init__(Box(site, definition))
        self.port = self._box.port

    @property
    def references(self) -> Mapping[str, str]:
        """What `${cache.…}` gives to other containers."""
        return {"url": f"redis://{self.name}:{PORT}/0", "host": self.name, "port": str(PORT)}

    def copy_out(self, relative: str, target: Path, deadline: Deadline) -> None:
        """Copy what lies in its volume."""
        copy_out(replace(self._site, deadline=deadline), self._image, self.home, relative, target)

    def close(self) -> None:
        """End it and remove it with its data. Safe to call twice."""
        super().close()
        remove_volume(self._site, self.home)

    def start(self, deadline: Deadline) -> None:
        """Start it; returns when it answers PING."""
        self._box.start()
        self.port = self._box.port
        try:
            deadline.within(START_SECONDS).poll(self._answers, every_seconds=POLL_SECONDS, what=f"{self.name} answers")
        except DeadlineExceeded:
            raise StackTimedOut(f"{self.name} did not start\n{self.log_tail(10)}") from None
        self._box.await_healthy(deadline)

    def _answers(self) -> bool:
        if not self.is_running():
            raise StackError(f"{self.name} did not start\n{self.log_tail(10)}")
        return answers_ping(self.port)


def options_of(settings: Mapping[str, str]) -> list[str]:
    """Settings as the server's command takes them.

    >>> options_of({"save": "", "appendonly": "no"})
    ['--save', '', '--appendonly', 'no']
    """
    return [part for name, value in settings.items() for part in (f"--{name}", value)]


def answers_ping(port: int) -> bool:
    """Whether a Redis answers on a port of this host."""
    try:
        with socket.create_connection((HOST, port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


class RedisKind:
    """A service kind."""

    parameters = RedisParameters

    def embedded(self, declared: Declared, site: Site) -> Started:
        """Start the local redis-server or valkey-server. Raises MissingCapability where there is none."""
        program = find_program(declared)
        version = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, timeout=10)
        server = LocalRedis(declared.name, program, site, declared.parameters.settings)
        server.start(site.deadline)
        return Started(
            service=server, close=server.close, references=server.references,
            image=" ".join(version.stdout.split()[:3]),
        )  # fmt: skip

    def restored(self, declared: Declared, site: Site, request: StoreRequest) -> LocalRedis:
        """Start one from restored files. Implements RestoringKind."""
        settings = {**declared.parameters.settings, **request.settings}
        server = LocalRedis(f"{declared.name}-restored", find_program(declared), site, settings)
        request.fill(server.data)
        request.phase(LOADING)
        server.start(site.deadline)
        return server

    def docker(self, declared: Declared, site: DockerSite) -> Started:
        """Start a container of the image."""
        image = site.images.find(declared.parameters.image, site.deadline, declared.parameters.container.pull)
        server = DockerRedis(declared, image, site, declared.parameters.settings)
        try:
            server.start(site.deadline)
        except BaseException:
            server.close()
            raise
        return Started(
            service=server, close=server.close, references=server.references, image=image.evidence,
            outside={"url": f"redis://{HOST}:{server.port}/0", "host": HOST, "port": str(server.port)},
        )  # fmt: skip

    def restored_in_container(
        self, declared: Declared, site: DockerSite, request: StoreRequest, name: str
    ) -> DockerRedis:
        """Start one from restored files, in a container. Implements RestoringInContainers."""
        image = site.images.find(declared.parameters.image, site.deadline, declared.parameters.container.pull)
        settings = {**declared.parameters.settings, **request.settings}
        server = DockerRedis(replace(declared, name=name), image, site, settings)
        try:
            filled(site, image, server.home, request)
            server.start(site.deadline)
        except BaseException:
            server.close()
            raise
        return server

    def reached(self, declared: Declared, written: Written, site: DockerSite) -> Reached:  # noqa: ARG002 - a protocol
        """Its port."""
        only(declared.name, declared.parameters, ())
        return Reached(port=written.port(PORT), data=(DATA,))

    def compose(self, declared: Declared, member: Member) -> Started:
        """Take it as Compose started it: it may want a password that only the application knows."""
        service = PlainService(member, declared.kind_name)
        service.adopt()
        references, outside = addresses(member, "redis", "/0")
        return Started(
            service=service, close=lambda: None, references=references, outside=outside,
            image=member.written.image.evidence,
        )  # fmt: skip


SERVICE = RedisKind()


def find_program(declared: Declared) -> str:
    """The server to run. Raises MissingCapability."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        raise MissingCapability(f"{declared.name}: neither {' nor '.join(PROGRAMS)} is on PATH")
    return program
