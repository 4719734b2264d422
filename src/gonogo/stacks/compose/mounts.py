"""Folders and files of the user's that a Compose project mounts: read, or copied, and never written."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gonogo.core.errors import UnsupportedStack
from gonogo.core.quantity import format_bytes
from gonogo.stacks.compose.beyond import LEAVE_OUT, listening_below
from gonogo.stacks.compose.dollars import doubled, plain
from gonogo.stacks.local.cluster import run_program

COPIED_BYTES = 256 * 2**20  # the most that is copied of one folder
COPIED_ENTRIES = 50_000
COPY_SECONDS = 120

# Where images of databases keep their data: what a user keeps there is theirs, and perhaps in use at this moment.
DATA_FOLDERS = (
    "/var/lib/postgresql", "/bitnami", "/var/lib/mysql", "/var/lib/redis", "/var/lib/valkey",
    "/qdrant/storage", "/var/lib/weaviate", "/var/lib/milvus", "/var/lib/elasticsearch",
    "/usr/share/elasticsearch/data",
    "/usr/share/opensearch/data", "/var/lib/rabbitmq", "/var/lib/clickhouse", "/data/db",
)  # fmt: skip

Mount = dict[str, Any]


class Folders:
    """The run's copies of the user's folders. `replaced`: a folder that stands for one of the user's in this run."""

    def __init__(self, scratch: Path, run_id: str, replaced: Mapping[Path, Path] | None = None) -> None:
        self._run_id = run_id
        self._scratch = scratch / "compose-folders"
        self._replaced = dict(replaced or {})
        self._copies: dict[Path, Path] = {}

    def stand_in(self, path: Path) -> Path | None:
        """What stands for a folder in this run, if anything does."""
        return self._replaced.get(path.resolve())

    def copy_of(self, path: Path) -> Path | None:
        """A copy that containers may write to; None for what is too large. Raises StackError."""
        if path not in self._copies:
            if _is_large(path):
                return None
            self._scratch.mkdir(mode=0o711, exist_ok=True)
            copy = self._scratch / f"{len(self._copies)}-{path.name}"
            # Owners, modes and links as they are: the container's user need not be ours.
            command: list[str | Path] = ["cp", "-a", "--reflink=auto", "--", path, copy]
            run_program(command, None, Path("/"), COPY_SECONDS, run_id=self._run_id)
            self._copies[path] = copy
        return self._copies[path]


def _is_large(path: Path) -> bool:
    count = total = 0
    for folder, _, files in os.walk(path, onerror=None):
        for name in files:
            count += 1
            try:
                total += os.lstat(os.path.join(folder, name)).st_size  # noqa: PTH118 - 50,000 times: half the time
            except OSError:
                continue
            if count > COPIED_ENTRIES or total > COPIED_BYTES:
                return True
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mounting:
    """The mounts of one service. Notes and volumes that take the place of the user's folders are added as found."""

    service: str
    project: str
    labels: Mapping[str, str]  # of a new volume
    data: Sequence[str]  # where it keeps data inside: what the user has there is not for us
    folders: Folders
    notes: list[str]
    volumes: dict[str, Any]

    def of(self, mounts: Sequence[Mount]) -> list[Mount]:
        """The mounts as the run has them."""
        return [self._bound(n, one) if one.get("type") == "bind" else dict(one) for n, one in enumerate(mounts)]

    def _bound(self, number: int, one: Mount) -> Mount:
        path, target = Path(plain(one["source"])), str(one["target"])
        read_only = bool(one.get("read_only"))
        if path.is_file():
            return _bind(path, target, read_only=True)
        if (stand_in := self.folders.stand_in(path)) is not None:
            return _bind(stand_in, target, read_only=read_only)
        if not path.is_dir():
            self.notes.append(f"{self.service}: {path} is not there: {target} is empty")
            return self._empty(number, target)
        listens = listening_below(path)
        if read_only and not listens:
            return _bind(path, target, read_only=True)
        if _is_below(target, (*DATA_FOLDERS, *self.data)):
            self.notes.append(f"{self.service}: {path} is yours: the run has an empty {target} in its place")
            return self._empty(number, target)
        copy = self.folders.copy_of(path)  # of a socket, a copy leads to nobody
        if copy is None and listens:
            raise UnsupportedStack(
                f"{self.service} mounts {path}, in which this host listens ({listens[0]});"
                f" {LEAVE_OUT.format(name=self.service)}"
            )
        if copy is None:
            most = f"more than {format_bytes(COPIED_BYTES)} or {COPIED_ENTRIES:,} files"
            self.notes.append(f"{self.service}: {path} holds {most}: it is mounted read-only, not copied")
        return _bind(copy or path, target, read_only=read_only or copy is None)

    def _empty(self, number: int, target: str) -> Mount:
        key = f"{self.service}-{number}".replace(".", "-")
        self.volumes[key] = {"name": f"{self.project}_{key}", "labels": dict(self.labels)}
        return {"type": "volume", "source": key, "target": target}


def _bind(path: Path, target: str, *, read_only: bool) -> Mount:
    made = {"type": "bind", "source": doubled(str(path)), "target": target, "bind": {"create_host_path": False}}
    return {**made, "read_only": True} if read_only else made


def _is_below(path: str, folders: Sequence[str]) -> bool:
    """Whether a path of a container is one of the folders, or inside of one.

    >>> _is_below("/var/lib/postgresql/data", DATA_FOLDERS), _is_below("/app/data", DATA_FOLDERS)
    (True, False)
    """
    return any(path == one or path.startswith(f"{one}/") for one in folders)
