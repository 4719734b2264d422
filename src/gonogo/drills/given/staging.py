"""Taking a backup into the box: copied or decompressed or unpacked, counted while it is written, never followed.

What is restored is the copy: nothing can change it meanwhile, and nothing is ever written beside the backup.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import shutil
import stat
import tarfile
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Self, cast

from gonogo.core.deadline import Deadline
from gonogo.core.errors import NotMeasurable
from gonogo.core.quantity import format_bytes
from gonogo.drills import RestoreFailed, words
from gonogo.stacks.local.contain import Box, decompressor
from gonogo.stacks.local.watch import RESERVE_BYTES

CHUNK = HEAD = 2**20
NAMING = (
    tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK,
)  # fmt: skip
LONGEST_NAME_BYTES = 64 * 1024
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700
Read = Callable[[int], bytes]


@dataclass(slots=True, kw_only=True)
class Taking:
    """One backup on its way into the box: how much may be written, how much was, and the digest of what was read."""

    box: Box
    limit_bytes: int
    deadline: Deadline
    written_bytes: int = 0
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    def file(self, source: Path, target: Path, compression: str = "", *, unfinished: bool = False) -> None:
        """Copy or decompress one file; `unfinished`: it may end anywhere. Raises RestoreFailed, NotMeasurable."""
        if unfinished and compression not in {"", "gzip"}:
            raise NotMeasurable(
                f"{source.name} was never finished, and what {compression} left of it cannot be told from damage"
            )
        with _opened(source) as read, self._expanded(read, compression, source, unfinished=unfinished) as expanded:
            self.pour(expanded, target)

    def pour(self, read: Read, target: Path) -> None:
        """Write what is read to a new file, as long as there is room for it."""
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, PRIVATE_FILE)
        with os.fdopen(descriptor, "wb") as file:
            while chunk := read(CHUNK):
                self.count(len(chunk))
                file.write(chunk)

    def count(self, size: int) -> None:
        """Raise NotMeasurable where that many bytes more are too many."""
        self.deadline.check("the backup is copied")
        self.written_bytes += size
        if self.written_bytes > self.limit_bytes:
            raise NotMeasurable(f"it expands to more than {format_bytes(self.limit_bytes)} (--max-size allows more)")
        if shutil.disk_usage(self.box.folder).free < RESERVE_BYTES + size:
            raise NotMeasurable(f"the disk has no room for it: {format_bytes(self.written_bytes)} were written")

    def head(self, source: Path, size: int) -> bytes:
        """The first bytes of a file. Raises RestoreFailed, NotMeasurable."""
        with _opened(source) as read:
            return read(size)

    def folder(self, source: Path, target: Path, *, without: Collection[str] = ()) -> None:
        """Copy a folder. Raises RestoreFailed for links and whatever else is neither file nor folder."""
        target.mkdir(mode=PRIVATE_FOLDER)
        for entry in sorted(os.scandir(source), key=lambda one: one.name):
            inside = target / entry.name
            if entry.name in without:
                continue
            if entry.is_dir(follow_symlinks=False):
                self.folder(Path(entry.path), inside)
            elif entry.is_file(follow_symlinks=False):
                self.file(Path(entry.path), inside)
            else:
                what = "a link" if entry.is_symlink() else "neither a file nor a folder"
                raise RestoreFailed(f"{entry.path} is {what}, which is not followed")

    def archive(self, source: Path, target: Path, compression: str) -> None:
        """Unpack a tar archive: files and folders below the target and nothing else. Raises RestoreFailed."""
        target.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        with _opened(source) as read, self._expanded(read, compression, source) as expanded:
            stream = cast("IO[bytes]", _Stream(expanded))
            try:
                with tarfile.open(
                    fileobj=stream, mode="r|", bufsize=CHUNK, tarinfo=strict_info(), ignore_zeros=True
                ) as archive:
                    while (member := archive.next()) is not None:
                        self.count(tarfile.BLOCKSIZE)
                        self._member(archive, member, target, source)
                        archive.members.clear()  # type: ignore[attr-defined]  # it would remember every one; not in the stubs
                while rest := expanded(CHUNK):  # the check sum of a compressed archive comes last
                    self.count(len(rest))
            except (tarfile.TarError, EOFError) as error:
                raise RestoreFailed(f"{source.name} cannot be unpacked: {error}") from error
            except OSError as error:  # a name that is too long
                if error.errno in NO_ROOM:
                    raise NotMeasurable(f"{source.name} cannot be unpacked: {error.strerror}") from error
                raise RestoreFailed(f"{source.name} cannot be unpacked: {error.strerror}") from error

    def _member(self, archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path, source: Path) -> None:
        parts = PurePosixPath(member.name).parts
        if (
            not (member.isfile() or member.isdir())
            or member.name.startswith("/")
            or ".." in parts
            or "\0" in member.name
        ):
            raise RestoreFailed(f"{source.name} holds {member.name[:80]!r}, which is no file or folder inside it")
        where = target.joinpath(*parts)
        if member.isdir():
            where.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
            return
        where.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        content = archive.extractfile(member)
        assert content is not None
        if where.is_dir():
            raise RestoreFailed(f"{source.name} holds {member.name[:80]!r} as a folder and as a file")
        where.unlink(missing_ok=True)  # the same name again: the later one counts, as for tar
        self.pour(content.read, where)

    def first_member(self, source: Path, name: str, compression: str) -> bytes:
        """The beginning of an archive's first member, which has that name. Raises RestoreFailed, NotMeasurable."""
        if compression in {"", "gzip"}:
            with _opened(source) as read:
                head = Inflating(read, source.name).read(HEAD) if compression else read(HEAD)
        else:
            head = self._decompressed_head(compression, source)
        try:
            with tarfile.open(fileobj=io.BytesIO(head), mode="r:", tarinfo=BoundedInfo) as archive:
                member = archive.next()
                content = archive.extractfile(member) if member is not None and member.isfile() else None
                if member is not None and content is not None and member.name.removeprefix("./") == name:
                    return content.read()
        except (tarfile.TarError, EOFError) as error:
            raise RestoreFailed(f"{source.name} cannot be unpacked: {error}") from error
        raise RestoreFailed(f"{source.name} does not begin with {name}")

    def _decompressed_head(self, program: str, source: Path) -> bytes:
        """What a program of the system makes of the first bytes, in the box; that it is cut there is no matter."""
        command = decompressor(program)
        if command is None:
            raise NotMeasurable(f"it is compressed by {program}, and there is no program {program} here")
        copy, inside = (self.box.folder / f"{what}-head" for what in ("compressed", "decompressed"))
        copy.write_bytes(self.head(source, HEAD))
        self.box.own(copy)
        try:
            self.box.run(
                [command, "-d", "-c", "-q"], deadline=self.deadline, stdin=copy, stdout=inside, most_bytes=HEAD
            )
            with _opened(inside) as read:
                return read(HEAD)
        finally:
            copy.unlink()
            inside.unlink(missing_ok=True)

    @contextmanager
    def _expanded(self, read: Read, compression: str, source: Path, *, unfinished: bool = False) -> Iterator[Read]:
        def digested(size: int) -> bytes:
            chunk = read(size)
            self.digest.update(chunk)
            return chunk

        match compression:
            case "":
                yield digested
            case "gzip":
                yield Inflating(digested, source.name, unfinished=unfinished).read
            case _:
                inside = self._decompressed(compression, digested, source.name)
                with _opened(inside) as expanded:
                    yield expanded
                inside.unlink()

    def _decompressed(self, program: str, read: Read, name: str) -> Path:
        """Decompress with a program of the system, in the box: it reads a copy, and writes no more than it may."""
        command = decompressor(program)
        if command is None:
            raise NotMeasurable(f"it is compressed by {program}, and there is no program {program} here")
        copy, inside = (self.box.folder / f"{what}-{name}" for what in ("compressed", "decompressed"))
        self.pour(read, copy)
        self.box.own(copy)
        most = self.limit_bytes - self.written_bytes
        done = self.box.run(
            [command, "-d", "-c", "-q"], deadline=self.deadline, stdin=copy, stdout=inside, most_bytes=most
        )
        copy.unlink()
        if inside.stat().st_size >= most:
            raise NotMeasurable(f"it expands to more than {format_bytes(self.limit_bytes)} (--max-size allows more)")
        if done.exit_code:
            raise RestoreFailed(f"{name} cannot be decompressed: {words(done)}")
        return inside


class BoundedInfo(tarfile.TarInfo):
    """A member of an archive. Those that only hold a longer name are read into memory: they may not be large."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """As the parent's. Raises ReadError."""
        found = super().frombuf(buf, encoding, errors)
        if found.type in NAMING and found.size > LONGEST_NAME_BYTES:
            raise tarfile.ReadError(f"a name of {found.size} bytes")
        return found


def strict_info() -> type[tarfile.TarInfo]:
    """For one archive that is read with `ignore_zeros`: as GNU tar, two empty blocks end it, a lone one does not.

    A header that is none is an error; Python would look for the next one.
    """

    class Strict(BoundedInfo):
        empty = 0

        @classmethod
        def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
            try:
                found = super().frombuf(buf, encoding, errors)
            except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # not in the stubs
                cls.empty += 1
                if cls.empty > 1:
                    raise tarfile.EmptyHeaderError("the end") from None  # type: ignore[attr-defined]  # as above
                raise
            except tarfile.InvalidHeaderError as error:  # type: ignore[attr-defined]  # as above
                raise tarfile.ReadError(str(error)) from error
            cls.empty = 0
            return found

    return Strict


class Inflating:
    """gzip in bounded steps, of several members, its check sums verified."""

    def __init__(self, read: Read, name: str, *, unfinished: bool = False) -> None:
        self._read = read
        self._name = name
        self._unfinished = unfinished
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self._rest = b""
        self._begun = False

    def read(self, size: int) -> bytes:
        """At most `size` bytes, b"" at the end. Raises RestoreFailed for what is cut or damaged."""
        while True:
            if self._inflate.eof:
                self._rest = self._inflate.unused_data or self._rest
                self._inflate, self._begun = zlib.decompressobj(zlib.MAX_WBITS | 16), False
            data = self._rest or self._read(CHUNK)
            if not data:
                if self._begun and not self._unfinished:
                    raise RestoreFailed(f"{self._name} is cut: its gzip does not end")
                return b""
            if not self._begun and not data.strip(b"\0"):  # padding after the last member
                self._rest = b""
                continue
            try:
                out = self._inflate.decompress(data, size)
            except zlib.error as error:
                raise RestoreFailed(f"{self._name} cannot be decompressed: {error}") from error
            self._begun, self._rest = True, self._inflate.unconsumed_tail
            if out:
                return out


class _Stream:
    """What tarfile reads from."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._buffer = b""

    def read(self, size: int) -> bytes:
        """Exactly `size` bytes, fewer at the end."""
        while len(self._buffer) < size and (chunk := self._read(CHUNK)):
            self._buffer += chunk
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken


@contextmanager
def _opened(path: Path) -> Iterator[Read]:
    """A regular file, no link and no device. Raises RestoreFailed."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except PermissionError as error:
        raise NotMeasurable(f"{path} cannot be read: {error.strerror}") from error
    except OSError as error:
        raise RestoreFailed(f"{path} cannot be read: {error.strerror}") from error
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise RestoreFailed(f"{path} is no regular file")
        yield lambda size: file.read(size) or b""
