"""A repository of pgBackRest: the newest backup, or the one asked for, restored by pgBackRest itself, in the box.

pgBackRest compares every file that it restores with its manifest. WAL it would fetch while the server recovers, which
takes a failure for the end of the WAL; so it is taken out of the repository before, and looked at like any other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gonogo.core.errors import NotMeasurable
from gonogo.drills import RestoreFailed, printable, words
from gonogo.drills.given.filling import Filled, Filling, Verified
from gonogo.stacks.local.contain import decompressor

PROGRAM = "pgbackrest"
LABEL = re.compile(r"^\d{8}-\d{6}F(?:_\d{8}-\d{6}[DI])?$")
STANZA = re.compile(r"^[\w.-]{1,60}$")
SEGMENT = re.compile(r"^(?P<name>[0-9A-F]{24}(?:\.partial)?)-[0-9a-f]{40}(?P<rest>(?:\.\w{2,4})?)$")
INFO, COPY = "backup.info", "backup.info.copy"
ENCRYPTED = b"Salted__"
INFO_BYTES = 16 * 2**20
SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Stanza:
    """What a repository says of one cluster: its backups, oldest first, and where the WAL of each database is."""

    name: str
    backups: Mapping[str, Mapping[str, Any]]
    archives: Mapping[int, str]


def fill(filling: Filling) -> Filled:
    """Restore into the data directory. Raises RestoreFailed, NotMeasurable."""
    program = decompressor(PROGRAM)
    if program is None:
        raise NotMeasurable("it is a repository of pgBackRest, and there is no program pgbackrest here")
    repository, box = filling.given.path, filling.server.box
    stanza = _stanza(filling)
    label = _chosen(stanza, filling.asked.backup)
    about = stanza.backups[label]
    if about.get("backup-error"):
        raise RestoreFailed(f"{label}: pgBackRest found damaged pages when it made it")
    copy = box.folder / "repository"
    _take(filling, stanza.name, [*_references(about), label], copy)
    filling.server.data.mkdir(mode=0o700)
    for path in (copy, filling.server.data):
        box.own(path)
    filling.phases.begin("pgbackrest")
    options = {
        "stanza": stanza.name, "repo1-path": copy, "pg1-path": filling.server.data, "lock-path": box.folder / "lock",
        "log-level-file": "off", "log-level-console": "off", "log-level-stderr": "error", "set": label,
        "job-retry": 0,  # what is damaged stays so
        "tablespace-map-all": box.folder / "tablespaces",
    }  # fmt: skip
    arguments = ["--no-config", *(f"--{name}={value}" for name, value in options.items()), "restore"]
    done = box.run([program, *arguments], deadline=filling.deadline)
    if done.exit_code:
        raise RestoreFailed(f"pgbackrest: {words(done)}")
    folder = repository / "archive" / stanza.name / stanza.archives.get(about["db-id"], "none")
    return Filled(
        said=f"{label} of stanza {stanza.name}, of {len(stanza.backups)} backups",
        verified=Verified(value=True, detail="pgBackRest found every file to be as its manifest says"),
        wal=wal_of(folder),
    )


def wal_of(folder: Path) -> dict[str, Path]:
    """The files of WAL of one database, under the names that PostgreSQL gives them."""
    found: dict[str, Path] = {}
    if folder.is_symlink() or not folder.is_dir():
        return found
    for top in sorted(folder.iterdir()):
        if top.is_symlink():
            continue
        for path in sorted(top.iterdir()) if top.is_dir() else [top]:
            match = SEGMENT.match(path.name)
            found[match["name"] + match["rest"] if match else path.name] = path
    return found


def _stanza(filling: Filling) -> Stanza:
    """Of a repository of one cluster. Raises RestoreFailed, NotMeasurable."""
    folder = filling.given.path / "backup"
    names = sorted(one.name for one in folder.iterdir() if one.is_dir() and not one.is_symlink())
    if len(names) != 1 or not STANZA.match(names[0]):
        there = printable(", ".join(names[:SHOWN])) or "none"
        raise NotMeasurable(f"gonogo restores from repositories of one stanza; here are {there}")
    lists = [one for one in (folder / names[0] / INFO, folder / names[0] / COPY) if one.exists()]
    if not lists:
        raise RestoreFailed(f"stanza {names[0]} has no {INFO}: nobody can tell what is in it")
    found, damage = list[Stanza](), list[RestoreFailed]()
    for path in lists:
        try:
            found.append(_read(filling, path))
        except RestoreFailed as error:
            damage.append(error)
    if not found:
        raise damage[0]
    return max(found, key=lambda one: sum((folder / names[0] / label).is_dir() for label in one.backups))


def _read(filling: Filling, path: Path) -> Stanza:
    """What one of the two copies of the list says; pgBackRest goes by the other where one is damaged."""
    content = filling.taking.head(path, INFO_BYTES)
    if content.startswith(ENCRYPTED):
        raise NotMeasurable("the repository is encrypted, and gonogo has no key of it")
    sections = _sections(content.decode(errors="replace"))
    try:
        backups = {name: json.loads(text) for name, text in sections.get("backup:current", {}).items()}
        history = {int(name): json.loads(text) for name, text in sections["db:history"].items()}
        archives = {number: f"{one['db-version']}-{number}" for number, one in history.items()}
        if not all(isinstance(one, dict) and isinstance(one.get("db-id"), int) for one in backups.values()):
            raise ValueError("a backup is not described")
    except (ValueError, KeyError, TypeError) as error:
        raise RestoreFailed(f"{path.name} of stanza {path.parent.name} is damaged: {error}") from error
    return Stanza(name=path.parent.name, backups=dict(sorted(backups.items())), archives=archives)


def _sections(text: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    section: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith("[") and line.endswith("]"):
            section = found.setdefault(line[1:-1], {})
        elif "=" in line:
            name, _, value = line.partition("=")
            section[name] = value
    return found


def _chosen(stanza: Stanza, name: str) -> str:
    if not stanza.backups:
        raise RestoreFailed(f"stanza {stanza.name} holds no backup")
    label = name or list(stanza.backups)[-1]
    if label not in stanza.backups:
        there = printable(", ".join(list(stanza.backups)[-SHOWN:]))
        raise NotMeasurable(f"there is no backup {label!r} in it; there are {there}")
    return label


def _references(about: Mapping[str, Any]) -> list[str]:
    """The backups that a backup is the rest of."""
    return [str(one) for one in about.get("backup-reference") or ()]


def _take(filling: Filling, stanza: str, labels: list[str], copy: Path) -> None:
    """Copy what the restore needs, which is not the whole repository. Raises RestoreFailed."""
    for part, files in (("backup", (INFO, COPY)), ("archive", ("archive.info", "archive.info.copy"))):
        target = copy / part / stanza
        target.mkdir(mode=0o700, parents=True)
        for name in files:
            source = filling.given.path / part / stanza / name
            if source.exists():
                filling.taking.file(source, target / name)
    for label in labels:
        source = filling.given.path / "backup" / stanza / label
        if not LABEL.match(label) or source.is_symlink() or not source.is_dir():
            raise RestoreFailed(f"backup {printable(label)!r}, which is needed, is not there")
        filling.taking.folder(source, copy / "backup" / stanza / label)
