"""Where one run's containers live: its network, images, ports, references and scratch folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from gonogo.core.deadline import Deadline
from gonogo.stacks.docker.images import Images
from gonogo.stacks.interfaces import RunServices
from gonogo.stacks.local.ports import Ports
from gonogo.stacks.references import References

if TYPE_CHECKING:
    from docker import DockerClient


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerSite:
    """What a service needs to start itself in containers. `references` are as containers see them."""

    run: RunServices
    client: DockerClient
    images: Images
    network: str
    references: References
    deadline: Deadline
    shared_memory_bytes: int
    template: Template | None = None  # data to start from; None: make a new cluster
    building: bool = False  # a template is being built: primaries only, nothing waits for a standby
    application_source: Path | None = None
    ports: Ports = field(default_factory=Ports)

    @property
    def scratch(self) -> Path:
        """The run's scratch folder: servers see it at the same path, for the files of their tools."""
        return self.run.scratch

    def port(self) -> int:
        """A free port of our own on 127.0.0.1; it stays the same when a container is started again."""
        return self.ports.take()


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """Filled databases: volume and superuser's password by service name."""

    volumes: dict[str, str]
    passwords: dict[str, str]
