"""PostgreSQL's programs of an image: unpacked once, run in a box with the image's file system around them.

No container ever runs: the engine is only asked for the files. So what a backup brings meets the walls that it meets
with programs of this host, and the server is reached as any other.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gonogo.core.deadline import Deadline
from gonogo.core.errors import StackError
from gonogo.stacks.docker.engine import connect, labels_of, remove_run, speaking
from gonogo.stacks.docker.images import Images, mirror_map
from gonogo.stacks.local.binaries import Binaries, version_of
from gonogo.stacks.local.cache import make_once
from gonogo.stacks.local.site import Site
from gonogo.stacks.local.walls import Walls

if TYPE_CHECKING:
    from docker import DockerClient

TOPS = ("usr", "bin", "sbin", "lib", "lib32", "lib64", "opt", "etc/ld.so.cache", "etc/alternatives")
PLACES = (
    "usr/lib/postgresql/*/bin", "usr/local/bin", "usr/local/pgsql/bin", "usr/pgsql-*/bin", "opt/*/postgresql/bin",
    "usr/bin", "usr/libexec/postgresql*",
)  # fmt: skip
CHUNK_BYTES = 2**20
UNUSED_SECONDS = 30 * 86400.0  # an unpacked image that nobody asked for this long goes
LINKS_AND_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.DIRTYPE)


def programs_of(name: str, site: Site, tell: Callable[[str], None]) -> Binaries:
    """PostgreSQL as the image brings it: pulled, unpacked and tried. Raises StackError, DeadlineExceeded."""
    client = connect()
    try:
        image = Images(client, mirror_map(), tell).find(name, site.deadline)
        root = site.cache / "images" / image.id.rpartition(":")[2][:32]
        if not root.is_dir():
            tell(f"unpacking {name}")
            make_once(root, lambda fresh: _unpack(client, image.id, fresh, site))
    finally:
        client.close()
    os.utime(root)
    _forget_unused(root.parent)
    bindir = _bindir(root, name)
    version, major = version_of(_walls(site, bindir, root).version(), bindir)
    return Binaries(bindir=bindir, version=version, major=major, root=root, image=image.evidence)


def _walls(site: Site, bindir: Path, root: Path) -> Walls:
    """A place to try them in. Raises StackError where nothing can be contained: there they cannot run at all."""
    box = site.account.folder(site.scratch / "trial")
    walls = Walls(account=site.account, bindir=bindir, box=box, root=site.scratch / "trial-root", programs=root)
    if why_not := walls.tried():
        raise StackError(f"programs of an image run in a box only, and none can be had here: {why_not}")
    return walls


def _bindir(root: Path, name: str) -> Path:
    """Where its PostgreSQL is; of several the newest."""
    places = [one for place in PLACES for one in sorted(root.glob(place), key=_numbers_in, reverse=True)]
    found = [one for one in places if one.resolve().is_relative_to(root.resolve()) and (one / "postgres").is_file()]
    if not found:
        raise StackError(f"the image {name} has no PostgreSQL")
    return Path("/", found[0].relative_to(root))


def _numbers_in(path: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", path.parent.name + path.name)]


def _unpack(client: DockerClient, image: str, target: Path, site: Site) -> None:
    """The image's programs and libraries as files. Raises StackError."""
    record = site.run.intend("docker", {"run_id": site.run.run_id})
    try:
        with speaking(f"the image {image} cannot be unpacked"):
            container = client.containers.create(image, ["true"], labels=labels_of(site.run.run_id, "programs"))
            chunks: Any = container.export(chunk_size=CHUNK_BYTES)  # an iterator of bytes, whatever its stub says
            _extract(_Stream(chunks, site.deadline), target)
    except (OSError, tarfile.TarError) as error:
        raise StackError(f"the image {image} cannot be unpacked: {error}") from error
    finally:
        remove_run(client, site.run.run_id)
        site.run.undone(record)


def _extract(stream: _Stream, target: Path) -> None:
    """What programs need, without owners, devices and rights beyond reading."""
    with tarfile.open(fileobj=io.BufferedReader(stream, CHUNK_BYTES), mode="r|") as archive:
        archive.extraction_filter = getattr(tarfile, "tar_filter", None)  # nothing outside; since 3.11.4
        for member in archive:
            if member.type in LINKS_AND_FILES and _is_needed(member.name.removeprefix("./")):
                member.uid, member.gid, member.uname, member.gname = os.geteuid(), os.getegid(), "", ""
                member.mode = 0o755 if member.isdir() else member.mode
                archive.extract(member, target)


def _is_needed(name: str) -> bool:
    """Whether a path is below what programs are made of."""
    return any(name == top or name.startswith(f"{top}/") for top in TOPS)


def _forget_unused(folder: Path) -> None:
    """Unpacked images take some hundred megabytes each."""
    for one in folder.iterdir():
        if one.is_dir() and time.time() - one.stat().st_mtime > UNUSED_SECONDS:
            shutil.rmtree(one, ignore_errors=True)


class _Stream(io.RawIOBase):
    """What the engine sends, read as a file until the deadline."""

    def __init__(self, chunks: Iterator[bytes], deadline: Deadline) -> None:
        self._chunks = chunks
        self._deadline = deadline
        self._left = memoryview(b"")

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Some bytes; none at the end. Raises DeadlineExceeded, Interrupted."""
        if not self._left:
            self._deadline.check("unpacking an image")
            self._left = memoryview(next(self._chunks, b""))
        size = min(len(buffer), len(self._left))
        buffer[:size], self._left = self._left[:size], self._left[size:]
        return size
