"""One container: started on a port of 127.0.0.1, killed with proof, paused, watched."""

from __future__ import annotations

import io
import os
import socket
import tarfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gonogo.core.deadline import Deadline
from gonogo.core.errors import DeadlineExceeded, StackError
from gonogo.stacks.docker import following
from gonogo.stacks.docker.container import UNLIMITED, ContainerSpec
from gonogo.stacks.docker.engine import labels_of, speaking, words
from gonogo.stacks.docker.images import waited
from gonogo.stacks.docker.site import DockerSite
from gonogo.stacks.docker.storage import make_volume, remove_volume
from gonogo.stacks.interfaces import KillProof, ToolResult
from gonogo.stacks.local.processes import holder_of, read_process

if TYPE_CHECKING:
    from docker.models.containers import Container

HOST = "127.0.0.1"
POLL_SECONDS = 0.005
KILL_SECONDS = 20.0
CONNECT_SECONDS = 2.0
HEALTH_POLL_SECONDS = 0.05
SHOWN = 500
LOG_OPTIONS = {"max-size": "64m", "max-file": "2"}  # on the engine's disk
PORT_TAKEN = ("port is already allocated", "address already in use")
TRIES = 3
CGROUPS = (Path("/sys/fs/cgroup/pids"), Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """What a container is made from. `mounts`: volume name or host path -> (path inside, ro or rw).

    `log_files`: files inside that are followed into the run directory beside the container's own output.
    """

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
    container: ContainerSpec = UNLIMITED
    folder: Path = Path("/")  # the stack file's: paths of `container.files` count from it
    log_files: Sequence[str] = ()
    task: bool = False  # runs to its end: the image's HEALTHCHECK is about the service, and would only take time


class Box:
    """A container that is made when it is started first, and stays until it is removed."""

    def __init__(self, site: DockerSite, definition: Definition, *, port: int | None = None) -> None:
        self.definition = definition
        self.port = port if port is not None else (site.port() if definition.port else 0)
        self._site = site
        self._container: Container | None = None
        self._pid = 0  # of its first process, as this host counts them
        self._volumes: dict[str, str] = {}  # path inside → name, of those that the stack file asks for
        log = site.run.log(definition.service)
        sources = [following.output, *map(following.file, definition.log_files)]
        self._followers = [following.Follower(log, source) for source in sources]

    # --- start and stop

    def start(self) -> None:
        """Start it; returns at once. Raises StackError, MissingCapability for a limit that the engine cannot hold."""
        began = following.now()
        if self._container is None:
            self._make()
        else:
            with speaking(f"{self.definition.service} cannot be started"):
                self._container.start()
        self._lives_as(int(self._state()["Pid"]))
        for follower in self._followers:
            follower.follow(self.container, began)

    def _lives_as(self, pid: int) -> None:
        """Its first process, as this host counts them; 0 where it has ended."""
        self._pid = pid
        if pid:
            self._site.holders[str(self.container.id)] = holder_of(pid)

    def await_healthy(self, deadline: Deadline) -> None:
        """Wait until its HEALTHCHECK says healthy, where `container.health` asks for that. Raises StackError."""
        wanted, name = self.definition.container.health, self.definition.service
        if wanted is None:
            return
        if "Health" not in self._state():
            raise StackError(f"{name}: container.health: its image has no HEALTHCHECK; give one with command:")
        try:
            deadline.within(wanted.within).poll(
                self._healthy_or_ended, every_seconds=HEALTH_POLL_SECONDS, what=f"{name} becomes healthy"
            )
        except DeadlineExceeded as error:
            raise StackError(f"{name} is not healthy: {error}; {self.health_words()}") from error

    def _healthy_or_ended(self) -> bool:
        state = self._state()
        if not state["Running"]:
            raise StackError(
                f"{self.definition.service} ended with exit code {state['ExitCode']} before it was healthy"
            )
        return bool(state["Health"]["Status"] == "healthy")

    def health_words(self) -> str:
        """What its HEALTHCHECK said last, as of the last look."""
        attempts = self.container.attrs["State"]["Health"].get("Log") or ()
        if not attempts:
            return "its HEALTHCHECK has not run yet"
        said = " ".join(str(attempts[-1]["Output"]).split())[:SHOWN]
        return f"its HEALTHCHECK ended with {attempts[-1]['ExitCode']}: {said or 'it said nothing'}"

    def _make(self) -> None:
        name, wanted = self.definition.service, self.definition.container.volumes
        for volume, path in wanted.items():
            self._volumes[path] = make_volume(self._site, f"{name}-{volume}")
        mounts = {volume: (path, "rw") for path, volume in self._volumes.items()}
        definition = replace(self.definition, mounts={**self.definition.mounts, **mounts})
        for attempt in range(TRIES):
            try:
                self._container = _started(self._site, definition, self.port)
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
        """End it and remove it with its volumes. Safe to call twice."""
        if self._container is not None:
            from docker.errors import NotFound  # noqa: PLC0415 - see engine.connect

            with speaking(f"{self.definition.service} cannot be removed"), suppress(NotFound):
                self._container.remove(force=True, v=True)
            self._site.holders.pop(str(self._container.id), None)
            self._end_followers()
        for volume in self._volumes.values():
            remove_volume(self._site, volume)
        self._volumes.clear()
        self._container = None
        self._pid = 0

    def _end_followers(self) -> None:
        for follower in self._followers:
            follower.end()

    # --- commands and files

    def execute(self, command: Sequence[str], *, deadline: Deadline, user: str = "") -> ToolResult:
        """Run a command inside to its end. Raises StackError, DeadlineExceeded (then it goes on inside)."""
        name, began = self.definition.service, time.monotonic()
        done = waited(
            lambda: self.container.exec_run(list(command), user=user, demux=True), deadline, f"{command[0]} in {name}"
        )
        stdout, stderr = ((part or b"").decode(errors="replace") for part in done.output)
        seconds = time.monotonic() - began
        return ToolResult(exit_code=int(done.exit_code), stdout=stdout, stderr=stderr, seconds=seconds)

    def copy_out(self, path: str) -> bytes:
        """A file inside; also of a container that is dead or paused. Raises StackError."""
        with speaking(f"{path} of {self.definition.service} cannot be copied"):
            chunks, _ = self.container.get_archive(path)
            with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
                content = archive.extractfile(archive.getmembers()[0])
                return content.read() if content else b""

    def copy_in(self, path: str, content: bytes, *, mode: int = 0o644) -> None:
        """Write a file inside, its folder being there. Raises StackError."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            member = tarfile.TarInfo(path.lstrip("/"))
            member.size, member.mode = len(content), mode
            archive.addfile(member, io.BytesIO(content))
        with speaking(f"{path} cannot be copied into {self.definition.service}"):
            self.container.put_archive("/", buffer.getvalue())

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

    definition.container.require(definition.service, site.info)
    with speaking("no Docker engine answers"):
        made = DockerContainer(definition.image, docker_client_kw={"environment": site.environment})
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
    for path, size in definition.container.tmpfs.items():
        made.with_tmpfs_mount(path, f"size={int(size)},mode=1777")
    for source_file, path in _files(definition):
        made.with_copy_into_container(source_file, path, 0o755 if os.access(source_file, os.X_OK) else 0o644)
    try:
        made.start()
        return site.client.containers.get(made.get_container_id())
    except (DockerException, RequestException) as error:
        with suppress(DockerException, RequestException):
            made.stop()
        raise StackError(f"{definition.service} cannot be started: {words(error)}") from error
    finally:
        made.get_docker_client().client.close()


def _files(definition: Definition) -> Iterator[tuple[Path, str]]:
    """The files that a container gets a copy of, and where. Raises StackError for one that is not there."""
    for name, path in definition.container.files.items():
        source = (definition.folder / name).resolve()
        if source.is_file():
            yield source, path
        elif source.is_dir():
            yield from ((one, f"{path}/{one.relative_to(source)}") for one in source.rglob("*") if one.is_file())
        else:
            raise StackError(f"{definition.service}: container.files: there is no {source}")


def _options(site: DockerSite, definition: Definition) -> dict[str, Any]:
    from docker.types import EndpointConfig, LogConfig  # noqa: PLC0415 - see engine.connect

    aliases = [definition.alias] if definition.alias else []
    endpoint = EndpointConfig(site.client.api.api_version, aliases=aliases)
    options: dict[str, Any] = {
        "labels": labels_of(site.run.run_id, definition.service),
        "network": site.network,
        "networking_config": {site.network: endpoint},
        # The engine's default may keep none. Two files: what is read back is bounded, and so is the engine's disk.
        "log_config": LogConfig(type=LogConfig.types.JSON, config=LOG_OPTIONS),
        "user": definition.user,
        "entrypoint": list(definition.entrypoint) if definition.entrypoint is not None else None,
        "shm_size": definition.shared_memory_bytes,
        **definition.container.limits(),
    }
    if definition.task:
        options["healthcheck"] = {"test": ["NONE"]}
    return {name: value for name, value in options.items() if value is not None}


def run_to_end(site: DockerSite, definition: Definition, deadline: Deadline) -> tuple[int, str]:
    """Run a container to its end and remove it; returns exit code and output. Raises DeadlineExceeded, StackError."""
    box = Box(site, replace(definition, task=True))
    try:
        box.start()
        # One question that is answered at the end: asking again and again would take the engine a processor.
        waited(box.container.wait, deadline, definition.service)
        return box.exit_code(), box.log_text()
    finally:
        box.remove()
