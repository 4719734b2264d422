"""One container: started on a port of 127.0.0.1, killed with proof, paused, watched."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gonogo.core.deadline import Deadline
from gonogo.core.errors import DeadlineExceeded, StackError
from gonogo.stacks.docker.engine import RUN, SERVICE, speaking, words
from gonogo.stacks.docker.site import DockerSite
from gonogo.stacks.interfaces import KillProof
from gonogo.stacks.local.processes import read_process

if TYPE_CHECKING:
    from docker.models.containers import Container

HOST = "127.0.0.1"
POLL_SECONDS = 0.005
KILL_SECONDS = 20.0
CONNECT_SECONDS = 2.0
PORT_TAKEN = ("port is already allocated", "address already in use")
TRIES = 3
CGROUPS = (Path("/sys/fs/cgroup/pids"), Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """What a container is made from. `mounts`: volume name or host path -> (path inside, ro or rw)."""

    service: str
    image: str
    command: Sequence[str] | None = None  # None: the image's own
    entrypoint: Sequence[str] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    mounts: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    port: int | None = None
    alias: str | None = None
    user: str | None = None
    shared_memory_bytes: int | None = None


class Box:
    """A container that is made when it is started first, and stays until it is removed."""

    def __init__(self, site: DockerSite, definition: Definition, *, port: int | None = None) -> None:
        self.definition = definition
        self.port = port if port is not None else (site.port() if definition.port else 0)
        self._site = site
        self._container: Container | None = None
        self._pid = 0  # of its first process, as this host counts them

    # --- start and stop

    def start(self) -> None:
        """Start it; returns at once. Raises StackError."""
        if self._container is None:
            self._make()
        else:
            with speaking(f"{self.definition.service} cannot be started"):
                self._container.start()
        self._pid = int(self._state()["Pid"])

    def _make(self) -> None:
        for attempt in range(TRIES):
            try:
                self._container = _started(self._site, self.definition, self.port)
            except StackError as error:
                if attempt + 1 == TRIES or not any(text in str(error) for text in PORT_TAKEN):
                    raise
                self.port = self._site.port()  # somebody took it between our look and the engine's bind
            else:
                return

    def kill(self) -> KillProof:
        """SIGKILL its first process, with which the kernel ends every other one; waits until nothing is left."""
        pids = self.host_pids() or self._listed_pids()
        killed_at = time.monotonic()
        if self._container is None or not self.is_running():
            return KillProof(killed_at=killed_at, gone_at=killed_at, pids=())
        name = self.definition.service
        limit = Deadline.after(KILL_SECONDS)
        try:
            with speaking(f"{name} cannot be killed"):
                self._container.kill()
            limit.poll(lambda: not self.is_running(), every_seconds=POLL_SECONDS, what=f"{name} ends")
            gone_at = limit.poll(lambda: not self.host_pids(), every_seconds=POLL_SECONDS, what=f"{name} is gone")
            limit.poll(self._refuses, every_seconds=POLL_SECONDS, what=f"port {self.port} refuses connections")
        except DeadlineExceeded as error:
            raise StackError(f"{name} outlived SIGKILL: {error}") from error
        return KillProof(killed_at=killed_at, gone_at=gone_at, pids=pids)

    def stop(self, grace_seconds: float) -> int | None:
        """Its image's stop signal, then SIGKILL after the grace period. Returns the exit code, None if it was down."""
        if self._container is None or not self.is_running():
            return None
        with speaking(f"{self.definition.service} cannot be stopped"):
            signal = self._container.attrs["Config"].get("StopSignal") or "SIGTERM"
            self._container.kill(signal=signal)
        try:
            Deadline.after(grace_seconds).poll(
                lambda: not self.is_running(), every_seconds=POLL_SECONDS, what=f"{self.definition.service} stops"
            )
        except DeadlineExceeded:
            self.kill()
        return self.exit_code()

    def pause(self) -> None:
        """Freeze every process of it."""
        with speaking(f"{self.definition.service} cannot be paused"):
            if self._container is not None and self._state()["Running"] and not self._state()["Paused"]:
                self._container.pause()

    def resume(self) -> None:
        """Undo `pause`."""
        with speaking(f"{self.definition.service} cannot be resumed"):
            if self._container is not None and self._state()["Paused"]:
                self._container.unpause()

    def remove(self) -> None:
        """End it and remove it with its nameless volumes. Safe to call twice."""
        if self._container is not None:
            from docker.errors import NotFound  # noqa: PLC0415 - see engine.connect

            with speaking(f"{self.definition.service} cannot be removed"), suppress(NotFound):
                self._container.remove(force=True, v=True)
        self._container = None
        self._pid = 0

    # --- what it is

    @property
    def container(self) -> Container:
        """The container. Raises StackError where there is none."""
        if self._container is None:
            raise StackError(f"{self.definition.service} was never started")
        return self._container

    def _state(self) -> dict[str, Any]:
        with speaking(f"{self.definition.service} cannot be looked at"):
            self.container.reload()
        state: dict[str, Any] = self.container.attrs["State"]
        return state

    def is_running(self) -> bool:
        """Whether it lives, paused or not."""
        return self._container is not None and bool(self._state()["Running"])

    def exit_code(self) -> int:
        """The exit code of its last life."""
        return int(self._state()["ExitCode"])

    def host_pids(self) -> tuple[int, ...]:
        """Its processes as this host counts them, from its control group; empty where that cannot be seen."""
        if self._container is None or not self._pid:
            return ()
        for top in CGROUPS:
            for path in (f"docker/{self._container.id}", f"system.slice/docker-{self._container.id}.scope"):
                with suppress(OSError):
                    pids = (top / path / "cgroup.procs").read_text().split()
                    return tuple(pid for pid in map(int, pids) if read_process(pid))
        return (self._pid,) if self._is_ours(self._pid) else ()

    def _is_ours(self, pid: int) -> bool:
        try:
            return str(self.container.id) in Path(f"/proc/{pid}/cgroup").read_text()
        except OSError:
            return False

    def _listed_pids(self) -> tuple[int, ...]:
        """Its processes as the engine lists them: the engine's host may be a virtual machine."""
        from docker.errors import APIError  # noqa: PLC0415 - see engine.connect

        if self._container is None:
            return ()
        with suppress(APIError):  # paused, or not running
            listed: Any = self._container.top()
            column = listed["Titles"].index("PID")
            return tuple(int(row[column]) for row in listed["Processes"])
        return ()

    def _refuses(self) -> bool:
        if not self.port:
            return True
        try:
            socket.create_connection((HOST, self.port), timeout=CONNECT_SECONDS).close()
        except OSError:
            return True
        return False

    def log_text(self, *, lines: int | None = None) -> str:
        """What it wrote, "" before its first start."""
        if self._container is None:
            return ""
        with speaking(f"the log of {self.definition.service} cannot be read"):
            text: bytes = self._container.logs(tail="all" if lines is None else lines)
        return text.decode(errors="replace")


def _started(site: DockerSite, definition: Definition, port: int) -> Container:
    """Make and start a container through testcontainers. Raises StackError; then it is removed again."""
    from docker.errors import DockerException  # noqa: PLC0415 - see engine.connect
    from requests.exceptions import RequestException  # noqa: PLC0415 - see engine.connect
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415 - see engine.connect

    with speaking("no Docker engine answers"):
        made = DockerContainer(definition.image)
    if definition.port:
        ports: Any = {f"{definition.port}/tcp": (HOST, port)}  # its default would publish on every interface
        made.ports = ports
    made.env = dict(definition.environment)
    made.with_kwargs(**_options(site, definition))
    if definition.alias:
        made.with_name(f"{site.network}-{definition.alias}")  # for people who look at the engine
    if definition.command is not None:
        made.with_command(list(definition.command))
    for source, (path, mode) in definition.mounts.items():
        made.with_volume_mapping(source, path, mode)
    try:
        made.start()
        return site.client.containers.get(made.get_container_id())
    except (DockerException, RequestException) as error:
        with suppress(DockerException, RequestException):
            made.stop()
        raise StackError(f"{definition.service} cannot be started: {words(error)}") from error
    finally:
        made.get_docker_client().client.close()


def _options(site: DockerSite, definition: Definition) -> dict[str, Any]:
    from docker.types import EndpointConfig, LogConfig  # noqa: PLC0415 - see engine.connect

    aliases = [definition.alias] if definition.alias else []
    endpoint = EndpointConfig(site.client.api.api_version, aliases=aliases)
    options: dict[str, Any] = {
        "labels": {RUN: site.run.run_id, SERVICE: definition.service},
        "network": site.network,
        "networking_config": {site.network: endpoint},
        "log_config": LogConfig(type=LogConfig.types.JSON),  # the engine's default may keep none
        "user": definition.user,
        "entrypoint": list(definition.entrypoint) if definition.entrypoint is not None else None,
        "shm_size": definition.shared_memory_bytes,
    }
    return {name: value for name, value in options.items() if value is not None}


def run_to_end(site: DockerSite, definition: Definition, deadline: Deadline) -> tuple[int, str]:
    """Run a container to its end and remove it; returns exit code and output. Raises DeadlineExceeded, StackError."""
    box = Box(site, definition)
    try:
        box.start()
        deadline.poll(lambda: not box.is_running(), every_seconds=POLL_SECONDS, what=f"{definition.service} ends")
        return box.exit_code(), box.log_text()
    finally:
        box.remove()
