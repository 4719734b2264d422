"""Where one run's containers live: its network, images, ports, references and scratch folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gonogo.core.deadline import Deadline
from gonogo.stacks.docker.endpoint import HOST
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
    address: str  # of the engine
    info: Mapping[str, Any]  # what the engine says of itself
    template: Template | None = None  # data to start from; None: make a new cluster
    building: bool = False  # a template is being built: primaries only, nothing waits for a standby
    application_source: Path | None = None
    ports: Ports = field(default_factory=Ports)
    holders: dict[str, int] = field(default_factory=dict)  # container → process that it is below: what it uses is ours

    @property
    def scratch(self) -> Path:
        """The run's scratch folder: servers see it at the same path, for the files of their tools."""
        return self.run.scratch

    @property
    def shared_memory_bytes(self) -> int:
        """What a database server may share between its processes: as on a host, parallel index builds need a lot."""
        return int(self.info["MemTotal"]) // 2

    @property
    def environment(self) -> dict[str, str]:
        """What leads testcontainers to the same engine."""
        return {**os.environ, HOST: self.address}

    def port(self) -> int:
        """A free port of our own on 127.0.0.1; it stays the same when a container is started again."""
        return self.ports.take()


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """Filled databases: volume and superuser's password by service name."""

    volumes: dict[str, str]
    passwords: dict[str, str]
