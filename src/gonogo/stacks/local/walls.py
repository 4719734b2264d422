"""The walls of a box. Whether they hold is found out by trying: what a program sees in there is the proof."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gonogo.core.errors import StackError
from gonogo.rundir.state import scratch_root
from gonogo.stacks.local import contained
from gonogo.stacks.local.account import Account, unprivileged
from gonogo.stacks.local.binaries import find_binaries

PROBE_SECONDS = 30.0
PROGRAMS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/alternatives")


@dataclass(frozen=True, slots=True, kw_only=True)
class Walls:
    """What is shown in a box, and who works in it. `root`: where its root is put together; it need not be there yet.

    `programs`: the file system whose programs are shown, another than this host's for those of an image.
    """

    account: Account
    bindir: Path
    box: Path
    root: Path
    programs: Path = Path("/")

    def around(self, **what: object) -> list[str]:
        """The command that runs another one contained; `what` as `contained.py` takes it."""
        given = {
            "box": str(self.box), "root": str(self.root), "read_only": self._readable(),
            "uid": self.account.uid, "gid": self.account.gid,
            "command": [], "stdin": None, "most": None, "probe": None, "semaphores": None, **what,
        }  # fmt: skip
        return [sys.executable, "-I", "-S", str(Path(contained.__file__)), json.dumps(given)]

    @property
    def environment(self) -> dict[str, str]:
        """What a program in the box gets to know."""
        given = "" if self.programs != Path("/") else os.environ.get("LD_LIBRARY_PATH", "")
        places = [str(self._libraries)] if self._libraries.is_dir() else []
        libraries = {"LD_LIBRARY_PATH": ":".join([*places, *([given] if given else [])])}
        home = {"HOME": str(self.box), "TMPDIR": str(self.box)}
        return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", "PGAPPNAME": "gonogo", **home, **libraries}

    def tried(self, *hidden: Path) -> str | None:
        """None where a program in the box is proven to be contained, else one sentence that says what is missing.

        `hidden` is there, and must not be seen.
        """
        if self.account.uid == 0:
            return "it would run as root"
        self.root.mkdir(exist_ok=True)
        try:
            done = self._run(probe=self._outside(hidden))
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"it cannot be tried: {error}"
        try:
            return flaw(json.loads(done.stdout))
        except ValueError:
            return done.stderr.strip().removeprefix(contained.PREFIX)[-300:] or "the trial said nothing"

    def version(self) -> subprocess.CompletedProcess[str]:
        """What the server in the box says of its version."""
        return self._run(command=[str(self.bindir / "postgres"), "--version"])

    def _run(self, **what: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.around(**what), capture_output=True, text=True, timeout=PROBE_SECONDS, check=False, cwd=self.box,
            env=self.environment,
        )  # fmt: skip

    def _readable(self) -> list[tuple[str, str]]:
        """The system's programs, and PostgreSQL's where they are not among them: where each lies, and its name."""
        folders = (self.bindir.parent, self._libraries)
        there = [place for one in folders if self._at(one).is_dir() for place in (one, one.resolve())]  # or a link
        own = dict.fromkeys(str(one) for one in there if not one.is_relative_to("/usr"))
        return [(str(self._at(Path(one))), one) for one in (*PROGRAMS, *own)]

    def _at(self, path: Path) -> Path:
        return self.programs / path.relative_to("/")

    @property
    def _libraries(self) -> Path:
        """Where a wheel's programs find their libraries by their own place, which only /proc could tell them."""
        package = self.bindir.parent.parent
        return package.parent / f"{package.name}.libs"

    def _outside(self, hidden: tuple[Path, ...]) -> list[str]:
        """What is on this host and must not be seen: nothing that is shown, or that leads to it."""
        shown = [self.box, *(Path(path) for _, path in self._readable())]
        found = (*hidden, Path.home(), Path(__file__), Path("/etc/hostname"))
        return [
            str(one) for one in found if not any(one.is_relative_to(top) or top.is_relative_to(one) for top in shown)
        ]


def tried_here() -> str | None:
    """The same on its own, in a folder that goes away again."""
    try:
        account = unprivileged()
        bindir = find_binaries(None, account).bindir
    except StackError as error:
        return str(error)
    with tempfile.TemporaryDirectory(prefix="trial-", dir=scratch_root()) as folder:
        Path(folder).chmod(0o711)
        box = account.folder(Path(folder, "box"))
        return Walls(account=account, bindir=bindir, box=box, root=Path(folder, "root")).tried()


def flaw(seen: Mapping[str, object]) -> str | None:
    """What a program can do in there that it must not be able to."""
    flaws = {
        "it runs as root": seen["user"] == 0,
        f"it has network interfaces: {seen['interfaces']}": seen["interfaces"] not in (["lo"], []),
        "it reaches the network": seen["network"],
        f"it can write to {seen['writable']}": seen["writable"],
        "it cannot write to its own folder": not seen["box"],
        "it sees processes of others": seen["processes"],
        f"it sees {seen['seen']}": seen["seen"],
        "it can make namespaces of its own": seen["namespaces"],
    }
    return next((sentence for sentence, true in flaws.items() if true), None)
