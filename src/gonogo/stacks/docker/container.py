"""`container:` of a service: what only the docker runtime reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from gonogo.core.errors import MissingCapability
from gonogo.spec.base import Bytes, Seconds, Spec

PullPolicy = Literal["never", "missing", "always"]
NANOSECONDS = 1_000_000_000

# What the engine must be able to do for a limit to bind: it starts the container without it otherwise, with a warning.
NEEDED = {"memory": "MemoryLimit", "cpus": "CpuCfsQuota", "processes": "PidsLimit"}


def _absolute(path: str) -> str:
    if not path.startswith("/"):
        raise ValueError(f"{path!r} is not a path inside of a container: it begins with /")
    return path.rstrip("/") or "/"


Inside = Annotated[str, AfterValidator(_absolute)]


class HealthSpec(Spec):
    """The service has started when its container is healthy: the image's HEALTHCHECK says so, or `command` instead."""

    within: Seconds = 60.0  # else the start has failed
    command: tuple[str, ...] = ()  # instead of the image's own; healthy when its exit code is 0
    every: Seconds = 1.0  # of `command`
    timeout: Seconds = 5.0  # of one run of `command`


class ContainerSpec(Spec):
    """Keys of `container:`. Limits that the engine cannot hold are an error, not a warning."""

    memory: Bytes | None = None  # and no swap beyond it
    cpus: float | None = Field(default=None, gt=0)
    processes: int | None = Field(default=None, gt=0)
    tmpfs: dict[Inside, Bytes] = Field(default_factory=dict)  # path → size; in memory, empty at every start
    volumes: dict[str, Inside] = Field(default_factory=dict)  # name → path; empty at first, it survives a kill
    files: dict[str, Inside] = Field(default_factory=dict)  # beside the stack file → path of the copy inside
    pull: PullPolicy = "missing"
    health: HealthSpec | None = None

    def limits(self) -> dict[str, Any]:
        """The options of a container that is made. Sizes in bytes, processors in billionths, times in nanoseconds."""
        options: dict[str, Any] = {
            "mem_limit": int(self.memory) if self.memory else None,
            "memswap_limit": int(self.memory) if self.memory else None,
            "nano_cpus": int(self.cpus * NANOSECONDS) if self.cpus else None,
            "pids_limit": self.processes,
        }
        if self.health is not None and self.health.command:
            options["healthcheck"] = {
                "test": ["CMD", *self.health.command],
                "interval": int(self.health.every * NANOSECONDS),
                "timeout": int(self.health.timeout * NANOSECONDS),
                "retries": 1_000_000,  # the deadline decides, not the number of attempts
            }
        return {name: value for name, value in options.items() if value is not None}

    def require(self, service: str, engine: Mapping[str, Any]) -> None:
        """Raise MissingCapability where the engine of `docker info` would let go of a limit."""
        for key, ability in NEEDED.items():
            if getattr(self, key) is not None and engine.get(ability) is False:
                raise MissingCapability(f"{service}: this Docker engine cannot limit {key}")


UNLIMITED = ContainerSpec()
