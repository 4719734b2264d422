"""A service's folder on a file system of a limited size, so that its disk can be full without this host's being so."""

from __future__ import annotations

import errno
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from gonogo.core.errors import StackError
from gonogo.core.quantity import format_bytes
from gonogo.stacks.local.mounts import mount_limited, unmount
from gonogo.stacks.local.site import Site

BALLAST = "gonogo-ballast"
BLOCK_BYTES = 1024 * 1024
NOT_DECLARED = "the stack file gives the database no disk: of a limited size"


@dataclass(slots=True, kw_only=True)
class Disk:
    """Where a service keeps its data. `problem`: why it has no limit although the stack file asks for one."""

    folder: Path
    limit_bytes: int | None = None
    problem: str | None = None
    site: Site | None = None
    records: list[str] = field(default_factory=list)

    @property
    def missing(self) -> str | None:
        """Why its size is not limited; None where it is."""
        return None if self.limit_bytes is not None else self.problem or NOT_DECLARED

    def fill(self) -> int:
        """Take every byte that is free; returns how many. Raises StackError for a disk without a limit."""
        if self.limit_bytes is None:
            raise StackError(f"{self.folder} has no limit: filling it would fill this host's disk")
        ballast = self.folder / BALLAST
        block = BLOCK_BYTES
        with ballast.open("ab", buffering=0) as file:
            while block:
                try:
                    file.write(b"\0" * block)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise StackError(f"{ballast} cannot be written: {error.strerror}") from error
                    block //= 2
            return file.tell()

    def release(self) -> None:
        """Give back what `fill` took. Safe to call twice."""
        (self.folder / BALLAST).unlink(missing_ok=True)

    def free_bytes(self) -> int:
        """What can still be written."""
        return shutil.disk_usage(self.folder).free

    def remove(self) -> None:
        """Unmount it; nothing may work in it any more. Safe to call twice."""
        if self.limit_bytes is None or self.site is None:
            return
        unmount(self.folder)
        self.limit_bytes = None
        for record in self.records:
            self.site.run.undone(record)
        self.records.clear()


def limited_folder(site: Site, service: str, folder: Path, wanted_bytes: float | None) -> Disk:
    """The folder, made where missing, on a mount of its own where a size is wanted and this machine allows it.

    Where it does not, the folder is an ordinary one, and the disk says why. The mount lies in memory: `fsync` costs
    nothing on it, and what it holds counts as memory of this host.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if wanted_bytes is None:
        return Disk(folder=folder)
    size = int(wanted_bytes)
    mark = {"run_id": site.run.run_id, "scratch": str(site.run.scratch), "service": service, "path": str(folder)}
    record = site.run.intend("mount", mark)
    problem = mount_limited(folder, size, f"gonogo-{site.run.run_id}")
    if problem is not None:
        site.run.undone(record)
        site.run.progress(f"{service}: no disk of {format_bytes(size)}: {problem}")
        return Disk(folder=folder, problem=problem)
    return Disk(folder=folder, limit_bytes=size, site=site, records=[record])
