"""A repository of Barman: the newest backup, or the one asked for, restored by Barman itself, in the box.

Barman copies what it has: its files are compared with the manifest before, and its WAL is looked at like any other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gonogo.core.errors import NotMeasurable
from gonogo.drills import RestoreFailed, printable, words
from gonogo.drills.given.archive import compression_of, take_in
from gonogo.drills.given.filling import Filled, Filling
from gonogo.drills.given.physical import require_major, verify
from gonogo.drills.given.recognise import barman_servers
from gonogo.stacks.local.contain import decompressor

PROGRAM = "barman"
ID = re.compile(r"^\d{8}T\d{6}$")
SERVER = re.compile(r"^[\w.-]{1,60}$")
GROUP = re.compile(r"^[0-9A-F]{16}$")
DONE = ("DONE", "WAITING_FOR_WALS")
INFO_BYTES = 2**20
SHOWN = 5
LIST, LIST_BYTES = "xlog.db", 256 * 2**20
LEAST_FIELDS, MOST_FIELDS = 3, 5  # of a line: name, size, time, compression, encryption
NOTHING = "None"
SAME_FORMAT = {"pigz": "gzip", "pygzip": "gzip"}
OTHER_FORMATS = ("bzip2", "pybzip2", "xz", "snappy", "custom")
SEGMENT = re.compile(r"^[0-9A-F]{24}")
BEGINNING = b"START WAL LOCATION"  # of a label
CONFIGURATION = """\
[barman]
barman_home = {home}
barman_user = {user}
barman_lock_directory = {home}
log_file = {home}/log
[{server}]
description = restored
conninfo = host=/nowhere
streaming_conninfo = host=/nowhere
backup_method = postgres
archiver = on
"""


def fill(filling: Filling) -> Filled:
    """Restore into the data directory. Raises RestoreFailed, NotMeasurable."""
    program = decompressor(PROGRAM)
    if program is None:
        raise NotMeasurable("it is a repository of Barman, and there is no program barman here")
    source, box = _server(filling), filling.server.box
    backups = _backups(filling, source)
    identifier = _chosen(backups, filling.asked.backup)
    wal = _wal_of(source / "wals")  # what comes while we work is not looked for: Barman may be at work, too
    server = source.name if SERVER.match(source.name) and source.name != PROGRAM else "restored"
    home = box.folder / "repository"
    for name in ("base", "wals", "incoming", "streaming", "errors"):
        (home / server / name).mkdir(mode=0o700, parents=True)
    copy = home / server / "base" / identifier
    filling.taking.folder(source / "base" / identifier, copy)
    semaphores = box.folder / "semaphores"
    semaphores.mkdir(mode=0o700)
    configuration = box.folder / "barman.conf"
    user = "contained" if box.why_not is None else box.site.account.name
    configuration.write_text(CONFIGURATION.format(home=home, user=user, server=server))
    for path in (home, semaphores, configuration):
        box.own(path)
    filling.phases.begin("pre-check of its files")
    require_major(copy / "data", box.binaries.major)
    verified = verify(filling.server, filling.deadline, copy / "data", parse=False)
    if verified.value is False:
        raise RestoreFailed(verified.detail)
    filling.phases.begin("barman")
    arguments = ["-c", str(configuration), "recover", "--get-wal", server, identifier, str(filling.server.data)]
    done = box.run([program, *arguments], deadline=filling.deadline, semaphores=semaphores)
    if done.exit_code:
        raise RestoreFailed(f"barman: {words(done)} {printable(done.stdout[-300:])}")
    _require_recoverable(filling, source / "wals", wal, backups[identifier].get("begin_wal", ""))
    return Filled(
        said=f"{identifier} of server {source.name}, of {len(backups)} backups",
        verified=verified,
        wal=wal,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What Barman's list says of one file of WAL."""

    compression: str
    encryption: str


def _require_recoverable(filling: Filling, folder: Path, wal: Mapping[str, Path], first: str) -> None:
    """What `barman recover` without --get-wal would stop at, or leave out, though recovery itself can do without.

    It takes the WAL that its list names, labels too. Raises RestoreFailed, NotMeasurable.
    """
    listed = {name: entry for name, entry in _listed(filling, folder).items() if name >= first}
    here = {name for name in wal if name >= first and SEGMENT.match(name)}
    lost = sorted(listed.keys() - _wal_of(folder).keys())
    if lost:
        raise RestoreFailed(f"WAL is missing: {printable(lost[0])}, which Barman's list of it ({LIST}) names")
    unlisted = sorted(here - listed.keys())
    if unlisted:
        raise RestoreFailed(
            f"Barman's list of WAL, {LIST}, does not name {printable(unlisted[0])}: `barman recover` leaves it out "
            "(`barman rebuild-xlogdb` makes the list again)"
        )
    labels = filling.server.box.folder / "labels"
    labels.mkdir(mode=0o700)
    for name in sorted(here):
        _require_compressed_as(filling, wal[name], name, listed[name])
        if name.endswith(".backup"):
            take_in(filling, wal[name], labels / name)
            if not filling.taking.head(labels / name, len(BEGINNING)).startswith(BEGINNING):
                raise RestoreFailed(f"{printable(name)} is damaged: it is no label of a backup")


def _require_compressed_as(filling: Filling, path: Path, name: str, entry: Entry) -> None:
    if entry.encryption != NOTHING:
        raise NotMeasurable(f"{printable(name)} is encrypted, and gonogo has no key of it")
    said = SAME_FORMAT.get(entry.compression, entry.compression)
    if said in OTHER_FORMATS:
        raise NotMeasurable(f"{printable(name)} is compressed by {said}, which gonogo does not decompress")
    if said != (compression_of(filling, path) or NOTHING):
        raise RestoreFailed(f"{printable(name)} is not compressed as {LIST} says: `barman recover` would stop there")


def _listed(filling: Filling, folder: Path) -> dict[str, Entry]:
    """What Barman's list names. Newer versions put the server's name before the list's, and may keep it elsewhere."""
    paths = [one for one in sorted(folder.glob(f"*{LIST}")) if one.is_file() and not one.is_symlink()]
    if not paths:
        raise NotMeasurable(f"Barman's list of WAL, {LIST}, is not in it: nobody can tell what `barman recover` takes")
    found = {}
    for line in filling.taking.head(paths[0], LIST_BYTES).decode(errors="replace").splitlines():
        fields = line.split()
        if LEAST_FIELDS <= len(fields) <= MOST_FIELDS:  # older versions wrote fewer
            name, _, _, compression, encryption = (*fields, NOTHING, NOTHING)[:MOST_FIELDS]
            found[name] = Entry(compression=compression, encryption=encryption)
    return found


def _server(filling: Filling) -> Path:
    found = barman_servers(filling.given.path)
    if len(found) != 1:
        there = printable(", ".join(one.name for one in found[:SHOWN]))
        raise NotMeasurable(f"it is a repository of several servers: give the folder of one of {there}")
    return found[0]


def _backups(filling: Filling, server: Path) -> dict[str, Mapping[str, str]]:
    """What Barman says of each, the oldest first."""
    found: dict[str, Mapping[str, str]] = {}
    for folder in sorted((server / "base").iterdir()):
        info = folder / "backup.info"
        if ID.match(folder.name) and not folder.is_symlink() and info.is_file():
            text = filling.taking.head(info, INFO_BYTES).decode(errors="replace")
            found[folder.name] = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    return found


def _chosen(backups: Mapping[str, Mapping[str, str]], name: str) -> str:
    """The one asked for, or the newest that was finished. Raises RestoreFailed, NotMeasurable."""
    finished = [one for one, about in backups.items() if about.get("status") in DONE]
    if name and name not in backups:
        there = printable(", ".join(list(backups)[-SHOWN:]))
        raise NotMeasurable(f"there is no backup {name!r} in it; there are {there or 'none'}")
    if not finished or (name and name not in finished):
        of = f"{name} is {backups[name].get('status', 'of no status')}" if name else f"of {len(backups)} none is"
        raise RestoreFailed(f"there is no finished backup: {printable(of)}")
    chosen = name or finished[-1]
    if backups[chosen].get("tablespaces", "None") != "None":
        raise NotMeasurable("it has tablespaces, which gonogo does not restore from a repository of Barman yet")
    return chosen


def _wal_of(folder: Path) -> dict[str, Path]:
    """The files of WAL, under the names that PostgreSQL gives them."""
    found: dict[str, Path] = {}
    for top in sorted(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else ():
        if top.is_file() and not top.is_symlink():
            found[top.name] = top
        elif GROUP.match(top.name) and top.is_dir() and not top.is_symlink():
            found.update({path.name: path for path in top.iterdir()})
    return found
