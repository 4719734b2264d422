"""Archived or received WAL for a base backup: what is needed is taken in, what is missing or wrong is named.

Recovery stops without a word where WAL is missing, damaged or somebody else's, and the server starts all the same: so
where it stopped is compared with where the WAL ends.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

from gonogo.core.errors import NotMeasurable
from gonogo.core.quantity import format_bytes
from gonogo.drills import RestoreFailed, printable, words
from gonogo.drills.given.filling import Filling
from gonogo.drills.given.label import Label, lsn_text, point_text, read_label
from gonogo.drills.given.recognise import GZIP, LZ4, ZSTD
from gonogo.drills.given.target import Target
from gonogo.drills.given.wal import (
    HISTORY,
    LONG_HEADER_BYTES,
    Piece,
    Way,
    continues_beyond,
    goes_on,
    header_flaw,
    history_of,
    newest,
    piece_of,
    segment_name,
    way_of,
)
from gonogo.stacks.local.boxed import BoxedPostgres

LABEL, PG_WAL = "backup_label", "pg_wal"
MAGIC_BYTES = 8
MAGICS = {GZIP: "gzip", ZSTD: "zstd", LZ4: "lz4"}
SEGMENT_BYTES = re.compile(r"^Bytes per WAL segment:\s+(\d+)$", re.MULTILINE)
SYSTEM = re.compile(r"^Database system identifier:\s+(\d+)$", re.MULTILINE)
CHECKPOINT = re.compile(r"^Time of latest checkpoint:\s+(.+)$", re.MULTILINE)
HISTORY_BYTES = 64 * 1024
LABEL_SECOND = timedelta(seconds=1)  # a label tells no fraction of it
LEFT_AT = re.compile(r"^\d+\t([0-9A-F]+)/([0-9A-F]+)\t", re.MULTILINE)


def take_in(filling: Filling, source: Path, target: Path, *, unfinished: bool = False) -> None:
    """Copy or decompress a file of an archive, compressed or not. Raises RestoreFailed, NotMeasurable."""
    filling.taking.file(source, target, compression_of(filling, source), unfinished=unfinished)


def compression_of(filling: Filling, source: Path) -> str:
    """By how a file begins; "" for none."""
    head = filling.taking.head(source, MAGIC_BYTES)
    return next((one for magic, one in MAGICS.items() if head.startswith(magic)), "")


@dataclass(slots=True, kw_only=True)
class Archive:
    """The WAL that was taken in, and what recovery from it is told. `folder` is in the box."""

    filling: Filling
    files: Mapping[str, Path]  # by the names that PostgreSQL gives them
    folder: Path
    target: Target | None = None
    way: Way = field(init=False)
    label: Label = field(init=False)
    segment_bytes: int = field(init=False, default=0)
    system: int = field(init=False, default=0)

    def on(self, server: BoxedPostgres) -> Archive:
        """The same WAL, for another server of the same files."""
        other = copy(self)
        other.filling = replace(self.filling, server=server)
        return other

    def take(self) -> None:
        """Find what is needed, and copy it. Raises RestoreFailed that names what is missing, NotMeasurable."""
        self._learn()
        self.folder.mkdir(mode=0o700)
        own = self.filling.server.data / PG_WAL
        of_backup = {one.name for one in os.scandir(own)} if own.is_dir() else set()
        histories = self._histories()
        pieces = [piece for name in sorted(self.files) if (piece := piece_of(name, self.segment_bytes))]
        there = {(one.timeline, one.number) for one in pieces if not one.partial}
        brought = [piece for name in sorted(of_backup) if (piece := piece_of(name, self.segment_bytes))]
        extra = [one for one in brought if (one.timeline, one.number) not in there and not one.partial]
        timeline = newest(self.label.start, histories)
        self.way = way_of(
            self.label.start, timeline, histories.get(timeline, ()), [*pieces, *extra], self.segment_bytes
        )
        self._require_way(pieces, histories)
        for piece in self.way.pieces:
            if piece not in extra:
                self._take(piece)
        if all(piece in extra for piece in self.way.pieces):
            self._raise_missing(pieces)
        self.filling.server.box.own(self.folder)

    def _learn(self) -> None:
        """From the copy: where its WAL begins, and what segments of its cluster are like."""
        server = self.filling.server
        told = server.box.tool("pg_controldata", [str(server.data)], deadline=self.filling.deadline)
        size, system = SEGMENT_BYTES.search(told.stdout), SYSTEM.search(told.stdout)
        if told.exit_code or not size or not system:
            raise RestoreFailed(f"its pg_control cannot be read: {words(told)}")
        self.segment_bytes, self.system = int(size[1]), int(system[1])
        path = server.data / LABEL
        if not path.is_file():
            raise RestoreFailed("it has no backup_label: nobody knows from where its WAL is needed")
        self.label = read_label(self.filling.taking.head(path, HISTORY_BYTES), LABEL)
        self._require_after_backup(CHECKPOINT.search(told.stdout))

    def _require_after_backup(self, checkpoint: re.Match[str] | None) -> None:
        """A server takes a moment before the backup without a word, and comes to a later one."""
        moment = self.target.moment if self.target else None
        if moment is None:
            return
        begun = self.label.time
        if begun is None and checkpoint is not None:  # at the earliest; its zone is that of the box
            latest = datetime.strptime(checkpoint[1].strip(), "%a %b %d %H:%M:%S %Y").replace(tzinfo=UTC)
            if moment < latest:
                raise NotMeasurable(
                    "the backup may be of a later moment than --to: its label tells a time of no known zone"
                )
            return
        if begun is not None and moment < begun:
            raise RestoreFailed(f"it cannot come to {moment.isoformat()}: the backup was begun at {begun.isoformat()}")
        if begun is not None and moment < begun + LABEL_SECOND:
            raise NotMeasurable(
                f"nobody knows whether {moment.isoformat()} is before the backup, which began in that second"
            )

    def _histories(self) -> dict[int, list[tuple[int, int]]]:
        found = {}
        for name in sorted(self.files):
            if match := HISTORY.match(name):
                plain = f"{match['tli']}.history"
                self._copy(name, plain)
                text = self.filling.taking.head(self.folder / plain, HISTORY_BYTES).decode(errors="replace")
                found[int(match["tli"], 16)] = history_of(text)
        return found

    def _require_way(self, pieces: Sequence[Piece], histories: Mapping[int, Sequence[tuple[int, int]]]) -> None:
        lost = sorted({one.timeline for one in pieces} - histories.keys() - {1, self.label.start[1]})
        if lost and lost[-1] > self.way.timeline and self.target is None:
            raise RestoreFailed(
                f"there is WAL of timeline {lost[-1]}, and its history {lost[-1]:08X}.history is missing: "
                "nobody can tell where it begins"
            )
        if not self.way.pieces:
            self._raise_missing(pieces)
        if self.way.hole and self.target is None:
            raise RestoreFailed(f"WAL is missing: {self.way.hole}, and there is more after it")

    def _raise_missing(self, pieces: Sequence[Piece]) -> NoReturn:
        lsn, timeline = self.label.start
        first = self.way.hole or segment_name(timeline, lsn // self.segment_bytes, self.segment_bytes)
        here = ", ".join(map(str, sorted({one.timeline for one in pieces})))
        raise RestoreFailed(
            f"the WAL of this backup is missing, which it needs from {point_text(self.label.start)} ({first}) on: "
            + (f"here is other WAL, of timeline {here}" if here else "here is none")
        )

    def _take(self, piece: Piece) -> None:
        name = segment_name(piece.timeline, piece.number, self.segment_bytes)
        path = self.folder / name
        self._copy(piece.file, name, unfinished=piece.partial)
        size = path.stat().st_size
        if piece.partial and size < self.segment_bytes:
            os.truncate(path, self.segment_bytes)  # a server reads whole segments: the rest is holes
        elif size != self.segment_bytes:
            what = "cut" if size < self.segment_bytes else "too long"
            raise RestoreFailed(f"{piece.file} is {what}: {size} bytes of {self.segment_bytes}")
        flaw = header_flaw(self.filling.taking.head(path, LONG_HEADER_BYTES), piece, self.segment_bytes, self.system)
        if flaw:
            raise RestoreFailed(f"{piece.file}: {flaw}")

    def _copy(self, file: str, name: str, *, unfinished: bool = False) -> None:
        take_in(self.filling, self.files[file], self.folder / name, unfinished=unfinished)

    @property
    def settings(self) -> dict[str, str]:
        """Of the server that recovers."""
        folder = str(self.folder).replace("%", "%%")
        aimed = {f"recovery_target_{self.target.kind}": self.target.value} if self.target else {}
        return {
            "restore_command": f'test -f "{folder}/%f" && cp "{folder}/%f" "%p"',
            "recovery_target_timeline": str(self.way.timeline),
            "recovery_target_action": "promote",
            "hot_standby": "off",  # nobody asks meanwhile, and fewer settings have to be as the source's
            **aimed,
        }

    @property
    def instead(self) -> Path | None:
        """Where the WAL that the backup itself needs is, if not in it."""
        lsn, timeline = self.label.start
        first = segment_name(timeline, lsn // self.segment_bytes, self.segment_bytes)
        return None if (self.filling.server.data / PG_WAL / first).exists() else self.folder

    def complaint(self) -> str:
        """What may be the reason where recovery did not come to its target."""
        return f" (WAL is missing: {self.way.hole})" if self.way.hole else ""

    def seen(self) -> str:
        """What recovery made of it. Raises RestoreFailed, NotMeasurable where it did not come to the end."""
        end = self._end()
        last = self.way.pieces[-1]
        first = last.number * self.segment_bytes
        to = f"up to {lsn_text(end)}" + (f", the target {self.target.kind} {self.target.value}" if self.target else "")
        pieces = f"{len(self.way.pieces)} segments from {self.way.pieces[0].file} to {last.file}, {to}"
        if self.target is not None:
            return pieces
        if end < first and not self._ends_before(end, first):
            raise RestoreFailed(
                f"replay ended at {lsn_text(end)}, though there is WAL up to {last.file}: "
                "what follows is damaged or does not belong to it"
            )
        self._require_end(end, first, last)
        if last.partial:
            used = format_bytes(max(0, end - first))
            pieces += f"; of {last.file}, which was never finished, {used} were used"
        return pieces

    def _ends_before(self, end: int, first: int) -> bool:
        """Whether replay ended with a record that the last segment has only the rest of."""
        piece = self.way.pieces[-2] if len(self.way.pieces) > 1 else self.way.pieces[-1]
        before = first - self.segment_bytes
        return end >= before and continues_beyond(self._content(piece), end, before)

    def _require_end(self, end: int, first: int, last: Piece) -> None:
        if end < first or end >= first + self.segment_bytes:
            return
        content = self._content(last)
        if goes_on(content, end, first):
            raise RestoreFailed(
                f"replay ended at {lsn_text(end)} in {last.file}, and WAL goes on after it: a record there is damaged"
            )
        if not last.partial and not continues_beyond(content, end, first):
            raise NotMeasurable(
                f"{last.file} ends at {lsn_text(end)} although it is kept as a finished segment: nobody can tell "
                "whether it was cut or copied before its time"
            )

    def _content(self, piece: Piece) -> bytes:
        name = segment_name(piece.timeline, piece.number, self.segment_bytes)
        path = self.folder / name
        return self.filling.taking.head(
            path if path.exists() else self.filling.server.data / PG_WAL / name, self.segment_bytes
        )

    def _end(self) -> int:
        """Where replay ended, as the server wrote it down when it began a timeline of its own."""
        folder = self.filling.server.data / PG_WAL
        histories = sorted(one.name for one in os.scandir(folder) if HISTORY.match(one.name))
        text = self.filling.taking.head(folder / histories[-1], HISTORY_BYTES).decode() if histories else ""
        found = LEFT_AT.findall(text)
        if not found:
            raise RestoreFailed(f"recovery did not end: {printable(text[:80]) or 'no timeline of its own was begun'}")
        high, low = found[-1]
        return (int(high, 16) << 32) + int(low, 16)
