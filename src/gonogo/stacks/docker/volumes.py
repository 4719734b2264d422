"""Volumes that hold data directories of PostgreSQL: made, filled, removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gonogo.core.deadline import Deadline
from gonogo.core.errors import StackError
from gonogo.stacks.docker.box import Definition, run_to_end
from gonogo.stacks.docker.images import Image
from gonogo.stacks.docker.site import DockerSite
from gonogo.stacks.local.cluster import quoted

FROM, TO = "/from", "/to"
ROOT = "0:0"
OWNER = "postgres"  # of the data, in every image with the official interface
PGDATA = "/var/lib/postgresql/data"  # of an image that does not say otherwise
SHOWN = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """Where a data directory is copied to. `primary`: a connection string of the server that the copy is to follow."""

    volume: str
    primary: str | None = None


def copy_volume(site: DockerSite, image: Image, source: str, copies: Sequence[Copy], deadline: Deadline) -> None:
    """Copy a cleanly stopped data directory into empty volumes. Raises StackError, also when the disk is full."""
    script, settings = [], {}
    for number, one in enumerate(copies):
        script.append(f"cp -a {FROM}/. {TO}{number}/")
        if one.primary is not None:
            script.append(_following(f"{TO}{number}", f"SETTING{number}"))
            settings[f"SETTING{number}"] = _setting(one.primary)
    definition = Definition(
        service="copy", image=image.id, entrypoint=["sh"], command=["-c", " && ".join(script)], user=ROOT,
        mounts={source: (FROM, "ro")} | {one.volume: (f"{TO}{n}", "rw") for n, one in enumerate(copies)},
        environment=settings,
    )  # fmt: skip
    _run(site, definition, deadline)


def be_standby(site: DockerSite, image: Image, volume: str, conninfo: str, deadline: Deadline) -> None:
    """Let the data directory in a volume follow the server of a connection string at its next start."""
    definition = Definition(
        service="standby", image=image.id, entrypoint=["sh"], command=["-c", _following(TO, "SETTING")], user=ROOT,
        mounts={volume: (TO, "rw")}, environment={"SETTING": _setting(conninfo)},
    )  # fmt: skip
    _run(site, definition, deadline)


def _setting(conninfo: str) -> str:
    return f"primary_conninfo = '{quoted(conninfo)}'"


def _following(folder: str, variable: str) -> str:
    """What a shell does so that the data directory in a folder follows the server that a variable names."""
    auto, signal = f"{folder}/postgresql.auto.conf", f"{folder}/standby.signal"
    return (
        f"touch {signal} && printf '%s\\n' \"${variable}\" >>{auto}"
        f" && chown --reference={folder}/PG_VERSION {signal} {auto}"
    )


def base_backup(site: DockerSite, image: Image, volume: str, connection: Mapping[str, str], deadline: Deadline) -> None:
    """Fill an empty volume with a base backup of the server that the PG… variables name. Raises StackError."""
    data = data_folder(image)  # mounted where the image has its data, the volume gets that folder's owner
    definition = Definition(
        service="basebackup", image=image.id, entrypoint=["pg_basebackup"], user="postgres",
        command=["-D", data, "-X", "stream", "-c", "fast", "-N"],
        mounts={volume: (data, "rw")}, environment=connection,
    )  # fmt: skip
    _run(site, definition, deadline)


def take_in(site: DockerSite, image: Image, folder: Path, volume: str, deadline: Deadline) -> None:
    """Fill an empty volume with a data directory of this host, as the server's own user. Raises StackError."""
    script = f"cp -a {FROM}/. {TO}/ && chown -R {OWNER}:{OWNER} {TO} && chmod 0700 {TO}"
    definition = Definition(
        service="restored", image=image.id, entrypoint=["sh"], command=["-c", script], user=ROOT,
        mounts={str(folder): (FROM, "ro"), volume: (TO, "rw")},
    )  # fmt: skip
    _run(site, definition, deadline)


def data_folder(image: Image) -> str:
    """Where a PostgreSQL image keeps its data."""
    return image.environment.get("PGDATA", PGDATA)


def _run(site: DockerSite, definition: Definition, deadline: Deadline) -> None:
    code, output = run_to_end(site, definition, deadline)
    if code:
        raise StackError(f"{definition.service} of a data directory failed: {' '.join(output.split())[-SHOWN:]}")
