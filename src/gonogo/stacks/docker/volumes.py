"""Volumes that hold data directories of PostgreSQL: made, filled, removed."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import suppress

from gonogo.core.deadline import Deadline
from gonogo.core.errors import StackError
from gonogo.stacks.docker.box import Definition, run_to_end
from gonogo.stacks.docker.engine import RUN, SERVICE, speaking
from gonogo.stacks.docker.images import Image
from gonogo.stacks.docker.site import DockerSite
from gonogo.stacks.local.cluster import quoted

FROM, TO = "/from", "/to"
ROOT = "0:0"
PGDATA = "/var/lib/postgresql/data"  # of an image that does not say otherwise
SHOWN = 500


def make_volume(site: DockerSite, service: str) -> str:
    """An empty volume of this run; returns its name."""
    name = f"gonogo-{site.run.run_id}-{service.replace('/', '-')}-{secrets.token_hex(3)}"
    with speaking(f"the volume of {service} cannot be made"):
        site.client.volumes.create(name, labels={RUN: site.run.run_id, SERVICE: service})
    return name


def remove_volume(site: DockerSite, name: str) -> None:
    """Remove a volume. Safe to call twice."""
    from docker.errors import NotFound  # noqa: PLC0415 - see engine.connect

    with speaking(f"volume {name} cannot be removed"), suppress(NotFound):
        site.client.volumes.get(name).remove(force=True)


def copy_volume(site: DockerSite, image: Image, source: str, targets: list[str], deadline: Deadline) -> None:
    """Copy a cleanly stopped data directory into empty volumes. Raises StackError, also when the disk is full."""
    copies = " && ".join(f"cp -a {FROM}/. {TO}{n}/" for n in range(len(targets)))
    definition = Definition(
        service="copy", image=image.id, entrypoint=["sh"], command=["-c", copies], user=ROOT,
        mounts={source: (FROM, "ro")} | {name: (f"{TO}{n}", "rw") for n, name in enumerate(targets)},
    )  # fmt: skip
    _run(site, definition, deadline)


def be_standby(site: DockerSite, image: Image, volume: str, conninfo: str, deadline: Deadline) -> None:
    """Let the data directory in a volume follow the server of a connection string at its next start."""
    script = (
        f"touch {TO}/standby.signal && printf '%s\\n' \"$SETTING\" >>{TO}/postgresql.auto.conf"
        f" && chown --reference={TO}/PG_VERSION {TO}/standby.signal {TO}/postgresql.auto.conf"
    )
    definition = Definition(
        service="standby", image=image.id, entrypoint=["sh"], command=["-c", script], user=ROOT,
        mounts={volume: (TO, "rw")}, environment={"SETTING": f"primary_conninfo = '{quoted(conninfo)}'"},
    )  # fmt: skip
    _run(site, definition, deadline)


def base_backup(site: DockerSite, image: Image, volume: str, connection: Mapping[str, str], deadline: Deadline) -> None:
    """Fill an empty volume with a base backup of the server that the PG… variables name. Raises StackError."""
    data = data_folder(image)  # mounted where the image has its data, the volume gets that folder's owner
    definition = Definition(
        service="basebackup", image=image.id, entrypoint=["pg_basebackup"], user="postgres",
        command=["-D", data, "-X", "stream", "-c", "fast", "-N"],
        mounts={volume: (data, "rw")}, environment=connection,
    )  # fmt: skip
    _run(site, definition, deadline)


def data_folder(image: Image) -> str:
    """Where a PostgreSQL image keeps its data."""
    return image.environment.get("PGDATA", PGDATA)


def _run(site: DockerSite, definition: Definition, deadline: Deadline) -> None:
    code, output = run_to_end(site, definition, deadline)
    if code:
        raise StackError(f"{definition.service} of a data directory failed: {' '.join(output.split())[-SHOWN:]}")
