"""Ways in which copies of a Redis go wrong, on purpose: the drill has to notice each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gonogo.core.errors import NotMeasurable
from gonogo.drills.stores import StoreArtefact
from gonogo.drills.stores._redis import HOUR_MS, LEDGER, PREFIX, RIGHT
from gonogo.stacks.interfaces import StoreRequest
from gonogo.stacks.redis import Redis

if TYPE_CHECKING:
    from gonogo.stacks.context import Context

Defect = Callable[["Context", StoreArtefact, Any], StoreArtefact]
FOR_AN_HOUR = PREFIX + b"for an hour"
EARLY = LEDGER + b"9\r\n"  # of a write that was acknowledged before the copy began, and is never deleted
FAR_AWAY_MS = 4_102_444_800_000  # the year 2100


def truncated_at_60_percent(_context: Context, artefact: StoreArtefact, _parameters: Any) -> StoreArtefact:
    """The disk was full, or the copy was cut."""
    return _cut(artefact, _snapshot(artefact))


def byte_flipped(_context: Context, artefact: StoreArtefact, _parameters: Any) -> StoreArtefact:
    """One byte in the middle of a snapshot, which ends with a checksum of all of it."""
    file = _snapshot(artefact)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0x20
    file.write_bytes(content)
    return artefact


def lifetimes_dropped(context: Context, artefact: StoreArtefact, parameters: Any) -> StoreArtefact:
    """Copied key by key by a tool that takes values and forgets when they end."""
    return _written_again(context, artefact, parameters, ("PERSIST", FOR_AN_HOUR))


def lifetime_longer(context: Context, artefact: StoreArtefact, parameters: Any) -> StoreArtefact:
    """A tool that began to count anew when it restored."""
    return _written_again(context, artefact, parameters, ("PEXPIRE", FOR_AN_HOUR, 2 * HOUR_MS))


def ledger_key_missing(context: Context, artefact: StoreArtefact, parameters: Any) -> StoreArtefact:
    """An acknowledged write is not there although later ones are."""
    return _written_again(context, artefact, parameters, ("DEL", LEDGER + b"5"))


def value_flipped(_context: Context, artefact: StoreArtefact, _parameters: Any) -> StoreArtefact:
    """One byte of one value in the log, which has no checksum: it loads."""
    for file in reversed(_increments(artefact)):
        content = bytearray(file.read_bytes())
        place = content.rfind(RIGHT)  # an earlier one may be there that was overwritten since
        if place >= 0:
            content[place + 4] ^= 0x01
            file.write_bytes(content)
            return artefact
    raise NotMeasurable("no increment of the log holds the planted value")


def cut_in_the_middle(_context: Context, artefact: StoreArtefact, _parameters: Any) -> StoreArtefact:
    """The last increment ends in the middle of a command: aof-load-truncated drops its tail, and the server starts."""
    file = _increments(artefact)[-1]
    place = file.read_bytes().rindex(EARLY)
    with file.open("r+b") as log:
        log.truncate(place + len(EARLY) // 2)
    return artefact


def increment_missing(_context: Context, artefact: StoreArtefact, _parameters: Any) -> StoreArtefact:
    """A file that the manifest names was not copied."""
    _increments(artefact)[-1].unlink()
    return artefact


def manifest_missing(_context: Context, artefact: StoreArtefact, _parameters: Any) -> StoreArtefact:
    """The manifest was not copied: the server takes the folder for a new one, and starts empty."""
    _manifest(artefact).unlink()
    return artefact


def log_without_lifetime(_context: Context, artefact: StoreArtefact, _parameters: Any) -> StoreArtefact:
    """A command at the end of the log that takes a lifetime away."""
    return _appended(artefact, b"PERSIST", FOR_AN_HOUR)


def log_with_longer_lifetime(_context: Context, artefact: StoreArtefact, _parameters: Any) -> StoreArtefact:
    """A command at the end of the log that makes a lifetime longer."""
    return _appended(artefact, b"PEXPIREAT", FOR_AN_HOUR, b"%d" % FAR_AWAY_MS)


def log_without_a_write(_context: Context, artefact: StoreArtefact, _parameters: Any) -> StoreArtefact:
    """An acknowledged write is not there although later ones are."""
    return _appended(artefact, b"DEL", LEDGER + b"5")


def _snapshot(artefact: StoreArtefact) -> Path:
    from gonogo.drills.stores.redis_rdb import SNAPSHOT  # noqa: PLC0415 - it names this module's defects

    return artefact.path / SNAPSHOT


def _folder(artefact: StoreArtefact) -> Path:
    from gonogo.drills.stores.redis_aof import FOLDER  # noqa: PLC0415 - as above

    return artefact.path / FOLDER


def _increments(artefact: StoreArtefact) -> list[Path]:
    """The increments that the manifest names, in its order."""
    words = [line.split() for line in _manifest(artefact).read_text().splitlines()]
    found = [_folder(artefact) / line[1] for line in words if len(line) > 5 and line[5] == "i"]
    if not found:
        raise NotMeasurable("the manifest of the log names no increment")
    return found


def _manifest(artefact: StoreArtefact) -> Path:
    return next(_folder(artefact).glob("*.manifest"))


def _cut(artefact: StoreArtefact, file: Path) -> StoreArtefact:
    with file.open("r+b") as opened:
        opened.truncate(file.stat().st_size * 60 // 100)
    return replace(artefact, size_bytes=file.stat().st_size)


def _appended(artefact: StoreArtefact, *parts: bytes) -> StoreArtefact:
    with _increments(artefact)[-1].open("ab") as log:
        log.write(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts))
    return artefact


def _written_again(
    context: Context, artefact: StoreArtefact, parameters: Any, command: tuple[bytes | str | int, ...]
) -> StoreArtefact:
    """The snapshot of a server that read this one and was told one thing more."""
    from gonogo.drills.stores.redis_rdb import METHOD  # noqa: PLC0415 - it names this module's defects

    source = METHOD.service(context, parameters)
    request = StoreRequest(
        service=source.name, fill=partial(METHOD.fill, context, parameters, artefact),
        settings=METHOD.settings(parameters),
    )  # fmt: skip
    with context.stack.scratch_store(request, context.deadline) as copy:
        with Redis(copy.port) as redis:  # type: ignore[attr-defined]  # it is a Redis as the source is
            redis.command(*command)
            redis.command("SAVE")
        _snapshot(artefact).unlink()
        copy.copy_out(_snapshot(artefact).name, _snapshot(artefact), context.deadline)
    return artefact


RDB_DEFECTS: dict[str, Defect] = {
    defect.__name__: defect
    for defect in (truncated_at_60_percent, byte_flipped, lifetimes_dropped, lifetime_longer, ledger_key_missing)
}
AOF_DEFECTS: dict[str, Defect] = {
    defect.__name__: defect
    for defect in (
        value_flipped, cut_in_the_middle, increment_missing, manifest_missing, log_without_lifetime,
        log_with_longer_lifetime, log_without_a_write,
    )
}  # fmt: skip
