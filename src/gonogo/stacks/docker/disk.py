"""The data of a server in a volume of a limited size, so that its disk can be full without this host's being so."""

from __future__ import annotations

from gonogo.core.deadline import Deadline
from gonogo.core.errors import StackError
from gonogo.stacks.docker.box import Box, Definition
from gonogo.stacks.docker.images import Image
from gonogo.stacks.docker.site import DockerSite
from gonogo.stacks.docker.storage import make_volume, remove_volume
from gonogo.stacks.local.disk import BALLAST, NOT_DECLARED

FOLDER = "/gonogo-disk"
ROOT = "0:0"
CALL_SECONDS = 60.0


class DockerDisk:
    """Implements LimitedDisk: a volume; with a limit it lies in memory, held by a small container of its own.

    Memory is given back when the last container that has it mounted ends: without the holder, a server that is killed
    would have lost its data.
    """

    def __init__(self, site: DockerSite, service: str, image: Image, limit_bytes: float | None) -> None:
        self.volume = make_volume(site, service, size=limit_bytes)
        self._site = site
        self._holder: Box | None = None
        if limit_bytes is not None:
            self._holder = Box(site, _holder(f"{service}/disk", image, self.volume))
            self._holder.start()

    @property
    def missing(self) -> str | None:
        """Why its size is not limited; None where it is."""
        return None if self._holder is not None else NOT_DECLARED

    def fill(self) -> int:
        """Take every byte that is free; returns how many. Raises StackError for a disk without a limit."""
        path = f"{FOLDER}/{BALLAST}"
        return int(self._run(f"cat /dev/zero >>{path} 2>/dev/null; stat -c %s {path}"))

    def release(self) -> None:
        """Give back what `fill` took. Safe to call twice."""
        self._run(f"rm -f {FOLDER}/{BALLAST}")

    def free_bytes(self) -> int:
        """What can still be written."""
        blocks, size = self._run(f"stat -f -c '%a %S' {FOLDER}").split()
        return int(blocks) * int(size)

    def remove(self) -> None:
        """Remove it with what is in it; nothing may have it mounted any more. Safe to call twice."""
        if self._holder is not None:
            self._holder.remove()
        remove_volume(self._site, self.volume)

    def _run(self, script: str) -> str:
        if self._holder is None:
            raise StackError(f"{self.volume} has no limit: filling it would fill the disk of Docker's host")
        done = self._holder.execute(["sh", "-c", script], deadline=Deadline.after(CALL_SECONDS))
        if done.exit_code:
            raise StackError(f"{self.volume}: {' '.join(done.stderr.split()) or script}")
        return done.stdout


def _holder(service: str, image: Image, volume: str) -> Definition:
    return Definition(
        service=service, image=image.id, entrypoint=["tail"], command=["-f", "/dev/null"], user=ROOT,
        mounts={volume: (FOLDER, "rw")},
    )  # fmt: skip
