"""The user that runs PostgreSQL, which refuses to run as root."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gonogo.core.errors import StackError

RUN_AS = "GONOGO_RUN_AS"
DEFAULT_USER = "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An unprivileged user. `dropped`: we are root and become this user for PostgreSQL only."""

    name: str
    uid: int
    gid: int
    dropped: bool

    def credentials(self) -> dict[str, Any]:
        """Keyword arguments that make subprocess run a command as this user."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.dropped else {}

    def own(self, path: Path) -> None:
        """Give a file, or a folder and everything in it, to this user."""
        if not self.dropped:
            return
        os.chown(path, self.uid, self.gid, follow_symlinks=False)
        for folder, names, files in os.walk(path):
            for name in (*names, *files):
                os.chown(Path(folder, name), self.uid, self.gid, follow_symlinks=False)

    def folder(self, path: Path) -> Path:
        """Make a private folder of this user."""
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.own(path)
        return path


def unprivileged() -> Account:
    """Ourselves, or as root the user named by GONOGO_RUN_AS (default nobody). Raises StackError when unusable."""
    if os.geteuid() != 0:
        return Account(name=str(os.geteuid()), uid=os.geteuid(), gid=os.getegid(), dropped=False)
    name = os.environ.get(RUN_AS, DEFAULT_USER)
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise StackError(f"PostgreSQL refuses root, and {RUN_AS} names a user that does not exist: {name}") from None
    if entry.pw_uid == 0:
        raise StackError(f"PostgreSQL refuses root: set {RUN_AS} to an ordinary user")
    return Account(name=name, uid=entry.pw_uid, gid=entry.pw_gid, dropped=True)
