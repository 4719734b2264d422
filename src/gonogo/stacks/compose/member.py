"""A container that Compose has started, and how gonogo takes it in hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gonogo.core.errors import StackError, UsageError
from gonogo.spec.base import Spec
from gonogo.stacks.compose.dollars import plain
from gonogo.stacks.docker.box import HOST, Box, Definition
from gonogo.stacks.docker.images import Image
from gonogo.stacks.docker.service import InContainer
from gonogo.stacks.docker.site import DockerSite

if TYPE_CHECKING:
    from docker.models.containers import Container

GRACE_SECONDS = 10.0  # Compose's own


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A service as the user's project has it, before anything runs. `listens`: the port that the stack file names."""

    name: str
    service: Mapping[str, Any]
    image: Image
    listens: int | None

    @property
    def folder(self) -> Path | None:
        """The folder that its image is built from: the source of the application, as far as can be told."""
        context = (self.service.get("build") or {}).get("context")
        folder = Path(plain(context)) if context else None
        return folder if folder and folder.is_dir() else None

    def ports(self) -> list[int]:
        """The TCP ports inside that it publishes, exposes, or that its image exposes; in this order."""
        published = [int(one["target"]) for one in self.service.get("ports") or () if one.get("protocol") != "udp"]
        exposed = [str(one).partition("/")[0] for one in self.service.get("expose") or ()]
        return [*published, *(int(one) for one in exposed if one.isdecimal()), *self.image.ports]

    def port(self, usual: int) -> int:
        """The port inside that gonogo talks to; `usual` where nothing says more."""
        return self.listens or next(iter(self.ports()), usual)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A service of the project that runs. `all_environments`: of every container of the project, by service."""

    name: str  # in the stack file
    written: Written
    site: DockerSite
    container: Container
    port: int  # inside
    outside: int  # of 127.0.0.1
    all_environments: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    application: str = ""  # the project's service that the contract speaks to

    @property
    def environment(self) -> Mapping[str, str]:
        """What its container was given."""
        return self.all_environments[self.written.name]

    @property
    def hosts(self) -> frozenset[str]:
        """What the project's containers may call it."""
        return frozenset({self.written.name, str(self.written.service.get("container_name") or self.written.name)})

    @property
    def stop_grace_seconds(self) -> float:
        """What the project gives it to stop."""
        return float(self.container.attrs["Config"].get("StopTimeout") or GRACE_SECONDS)

    def box(self, log_files: Sequence[str] = ()) -> AdoptedBox:
        """Its container as other parts of gonogo handle one."""
        definition = Definition(
            service=self.name, image=self.written.image.id, port=self.port, alias=self.written.name,
            log_files=log_files,
        )  # fmt: skip
        return AdoptedBox(self.site, definition, port=self.outside, container=self.container)

    def references(self) -> dict[str, str]:
        """`${NAME.environment.VARIABLE}`: what the project gives the service."""
        return {f"environment.{name}": value for name, value in self.environment.items()}


class AdoptedBox(Box):
    """A container that somebody else made and started."""

    def __init__(self, site: DockerSite, definition: Definition, *, port: int, container: Container) -> None:
        super().__init__(site, definition, port=port)
        self._container = container
        self._pid = int(container.attrs["State"]["Pid"])
        self._seen = False

    def start(self) -> None:
        """Start it again after its end; the first time, only follow what it writes."""
        if self._seen or not self.is_running():
            super().start()
        else:
            self._lives_as(int(self._state()["Pid"]))
            for follower in self._followers:
                follower.follow(self.container, 0)
        self._seen = True

    def has_ended(self) -> bool:
        """Whether it has ended for good: while the project starts, the engine may start it once more."""
        if self.is_running():
            self._lives_as(int(self.container.attrs["State"]["Pid"]))
            return False
        policy = self.container.attrs["HostConfig"]["RestartPolicy"]
        return str(policy.get("Name") or "no") == "no" or self.container.attrs["State"]["Status"] == "dead"


class PlainService(InContainer):
    """Implements Service for a container that gonogo knows nothing more of."""

    def __init__(self, member: Member, kind: str) -> None:
        super().__init__(member.box())
        self.name = member.name
        self.kind = kind
        self.port = member.outside

    def pause(self) -> None:
        """Freeze every process of it."""
        self._box.pause()

    def resume(self) -> None:
        """Undo `pause`."""
        self._box.resume()

    def stop(self, grace_seconds: float) -> int | None:
        """Its stop signal, wait, then SIGKILL. Returns the exit code, None if it did not run."""
        return self._box.stop(grace_seconds)

    def adopt(self) -> None:
        """Follow what it writes. Raises StackError when it has ended."""
        self._box.start()
        if not self._box.is_running():
            raise StackError(f"{self.name} ended with exit code {self._box.exit_code()}\n{self.log_tail(15)}")

    def close(self) -> None:
        """End and remove it. Safe to call twice."""
        self._box.remove()


def addresses(member: Member, scheme: str = "", path: str = "") -> tuple[dict[str, str], dict[str, str]]:
    """What `${NAME.…}` gives to containers, and what it gives on this host."""

    def of(host: str, port: int) -> dict[str, str]:
        url = {"url": f"{scheme}://{host}:{port}{path}"} if scheme else {}
        return {**url, "host": host, "port": str(port)}

    return {**of(member.written.name, member.port), **member.references()}, of(HOST, member.outside)


def only(name: str, parameters: Spec, allowed: Sequence[str]) -> None:
    """Raise UsageError for keys beside `compose:` that would change nothing: the Compose file says those things."""
    idle = sorted(set(parameters.model_fields_set) - set(allowed))
    if idle:
        can = ", ".join(allowed) or "none"
        raise UsageError(
            f"services.{name}: {', '.join(idle)}: with compose: the Compose file says this (keys that count: {can})"
        )
