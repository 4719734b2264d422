"""A folder of base backups, full and incremental: the newest or the one asked for, and those before it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gonogo.core.errors import NotMeasurable
from gonogo.drills import RestoreFailed, printable
from gonogo.drills.given.filling import Filled, Filling
from gonogo.drills.given.label import SYSTEM, Label, Point, point_text, read_label
from gonogo.drills.given.logical import see
from gonogo.drills.given.physical import (
    COMPRESSIONS,
    LABEL,
    MANIFEST,
    TABLESPACE_MAP,
    archives,
    require_major,
    unpack_base,
    verify,
)
from gonogo.drills.given.recognise import is_base

HEAD_BYTES = 64 * 1024
MOST_BACKUPS = 1000
SHOWN = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One backup of the folder. `system`: the identifier of its cluster, "" where no manifest tells it."""

    path: Path
    label: Label
    system: str = ""

    @property
    def name(self) -> str:
        """As it is called in its folder."""
        return printable(self.path.name)


def fill(filling: Filling) -> Filled:
    """Make the data directory of a backup and those before it. Raises RestoreFailed, NotMeasurable."""
    links = [_link(path, filling) for path in _backups(filling.given.path)]
    chain = chain_of(chosen(links, filling.asked.backup), links)
    if not filling.asked.backup:
        require_newest(chain[-1], links)
    names = " + ".join(link.name for link in chain)
    data = filling.server.data
    if len(chain) == 1:
        unpack_base(chain[0].path, filling, data)
        return Filled(said=f"{names}, of {len(links)} backups in the folder")
    folder = filling.server.box.folder / "chain"
    folder.mkdir(mode=0o700)
    copies = [folder / str(number) for number, _ in enumerate(chain)]
    for link, copy in zip(chain, copies, strict=True):
        unpack_base(link.path, filling, copy)
    filling.server.box.own(folder)
    filling.phases.begin("pre-check of each")
    require_major(copies[-1], filling.server.box.binaries.major)
    for link, copy in zip(chain, copies, strict=True):
        verified = verify(filling.server, filling.deadline, copy)
        if verified.value is False:
            raise RestoreFailed(f"{link.name}: {verified.detail}")
        (copy / TABLESPACE_MAP).unlink(missing_ok=True)
    filling.phases.begin("combine")
    arguments = ["--no-sync", f"--output={data}", *map(str, copies)]
    combined = filling.server.box.tool("pg_combinebackup", arguments, deadline=filling.deadline)
    see(filling.server, "pg_combinebackup", combined)
    shutil.rmtree(folder)
    return Filled(said=f"{names}, of {len(links)} backups in the folder")


def chosen(links: Sequence[Link], name: str) -> Link:
    """The one asked for, or the one that begins farthest in the log. Raises NotMeasurable for a name that is none."""
    if not name:
        return max(links, key=lambda one: (one.label.start[1], one.label.start[0]))
    for link in links:
        if link.path.name == name:
            return link
    raise NotMeasurable(f"there is no backup {name!r} in it; there are {_names(links)}")


def require_newest(newest: Link, links: Sequence[Link]) -> None:
    """What begins farthest in the log is only the newest where all are of one cluster. Raises NotMeasurable."""
    systems = {one.system for one in links if one.system}
    if len(systems) > 1:
        raise NotMeasurable(f"the folder holds backups of {len(systems)} clusters: --backup NAME says which is meant")
    for one in links:
        if one.label.time and newest.label.time and one.label.time > newest.label.time:
            raise NotMeasurable(
                f"{one.name} was begun after {newest.name}, which begins farther in the log, as if they were of two "
                "clusters: --backup NAME says which is meant"
            )


def chain_of(last: Link, links: Sequence[Link]) -> list[Link]:
    """The full backup, and what came on top of it, up to `last`. Raises RestoreFailed that says what is missing."""
    chain = [last]
    while (wanted := chain[0].label.continues) is not None:
        if len(chain) > len(links):
            raise RestoreFailed(f"{chain[0].name} continues itself: there is no full backup before it")
        chain.insert(0, _before(chain[0], wanted, links))
    return chain


def _before(link: Link, wanted: Point, links: Sequence[Link]) -> Link:
    there = [one for one in links if one.label.start == wanted and one is not link]
    for one in there:
        if not (one.system and link.system) or one.system == link.system:
            return one
    if there:
        raise RestoreFailed(
            f"{there[0].name} is of another cluster (system identifier {there[0].system}) than {link.name} "
            f"({link.system}), which continues a backup that begins at {point_text(wanted)}"
        )
    others = ", ".join(f"{one.name} ({point_text(one.label.start)})" for one in links if one is not link)
    raise RestoreFailed(
        f"a link is missing: {link.name} continues a backup that begins at {point_text(wanted)}, "
        f"and beside it there is {others[:400] or 'none'}"
    )


def _backups(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.iterdir() if is_base(path))
    if len(found) > MOST_BACKUPS:
        raise NotMeasurable(f"{folder} holds {len(found)} backups, more than {MOST_BACKUPS}: give a folder of fewer")
    return found


def _link(path: Path, filling: Filling) -> Link:
    there = archives(path, "base")
    if there:
        content = filling.taking.first_member(there[0], LABEL, COMPRESSIONS.get(there[0].suffix, ""))
    else:
        content = filling.taking.head(path / LABEL, HEAD_BYTES)
    manifest = path / MANIFEST
    system = SYSTEM.search(filling.taking.head(manifest, HEAD_BYTES)) if manifest.exists() else None
    return Link(path=path, label=read_label(content, path.name), system=system[1].decode() if system else "")


def _names(links: Sequence[Link]) -> str:
    return ", ".join(link.name for link in links[:SHOWN])
