"""Volumes of a run."""

from __future__ import annotations

import secrets
from contextlib import suppress

from gonogo.stacks.docker.engine import labels_of, ryuk_labels, speaking
from gonogo.stacks.docker.site import DockerSite


def make_volume(site: DockerSite, service: str, *, size: float | None = None) -> str:
    """An empty volume of this run; returns its name. With a size (bytes) it is memory, and full at that size.

    Such a volume holds what is in it while a container that has it runs: see `DockerDisk`.
    """
    name = f"gonogo-{site.run.run_id}-{service.replace('/', '-')}-{secrets.token_hex(3)}"
    options = {"type": "tmpfs", "device": "tmpfs", "o": f"size={int(size)}"} if size else {}
    with speaking(f"the volume of {service} cannot be made"):
        site.client.volumes.create(
            name, driver_opts=options, labels={**labels_of(site.run.run_id, service), **ryuk_labels()}
        )
    return name


def remove_volume(site: DockerSite, name: str) -> None:
    """Remove a volume. Safe to call twice."""
    from docker.errors import NotFound  # noqa: PLC0415 - see engine.connect

    with speaking(f"volume {name} cannot be removed"), suppress(NotFound):
        site.client.volumes.get(name).remove(force=True)
