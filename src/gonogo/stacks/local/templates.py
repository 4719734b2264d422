"""Initialised and seeded data directories, kept in the user's cache so that the next start only copies them."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar

from gonogo.core.errors import StackError
from gonogo.stacks.local.account import Account
from gonogo.stacks.local.cluster import copy_data

FORMAT = 1  # part of every key: raise it when what a template holds changes
ADMIN_PASSWORD = "admin_password"  # noqa: S105 - a file name
UNUSED_SECONDS = 14 * 24 * 3600
KEEP = 12  # the stacks of this repository with room for a few others
TRIES = 5
Found_co = TypeVar("Found_co", covariant=True)


class Templates:
    """The templates of this user, by key. Private: only the user (or root) reaches them."""

    def __init__(self, cache: Path) -> None:
        self._folder = cache / "templates"
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder.chmod(0o700)

    @contextmanager
    def building(self, key: str) -> Iterator[None]:
        """Only one run builds a template at a time."""
        with self._lock(key, fcntl.LOCK_EX):
            yield

    @contextmanager
    def in_use(self, key: str) -> Iterator[None]:
        """Nobody removes the template meanwhile."""
        with self._lock(key, fcntl.LOCK_SH):
            yield

    @contextmanager
    def removing(self, key: str) -> Iterator[None]:
        """Nobody builds or copies the template. Raises BlockingIOError when somebody does."""
        with self._lock(key, fcntl.LOCK_EX | fcntl.LOCK_NB):
            yield

    @contextmanager
    def _lock(self, key: str, operation: int) -> Iterator[None]:
        with (self._folder / f"{key}.lock").open("w") as lock:  # stays: removing it would make two locks of one
            fcntl.flock(lock, operation)
            yield

    def find(self, key: str) -> Path | None:
        """A complete template, marked as used now."""
        folder = self._folder / key
        if not folder.is_dir():
            return None
        os.utime(folder)
        return folder

    def save(self, key: str, clusters: dict[str, tuple[Path, str]], account: Account, *, run_id: str) -> Path:
        """Keep cleanly stopped data directories with their superusers' passwords, by service name."""
        fresh = self._folder / f".{key}.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()  # a stack may have no database at all
        for name, (data, password) in clusters.items():
            (fresh / name).mkdir(mode=0o700, parents=True)
            copy_data(data, fresh / name / "data", account, run_id=run_id)
            secret = fresh / name / ADMIN_PASSWORD
            secret.touch(mode=0o600)
            secret.write_text(password)
        subprocess.run(["sync", "-f", fresh], check=False)  # not half there after a power cut
        target = self._folder / key
        fresh.rename(target)
        self._prune(keep=target)
        return target

    def _prune(self, keep: Path) -> None:
        """Remove templates that are old or too many, unless somebody copies them now."""
        folders = [entry for entry in self._folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")]
        by_age = sorted(folders, key=lambda entry: entry.stat().st_mtime, reverse=True)
        for position, folder in enumerate(by_age):
            old = time.time() - folder.stat().st_mtime > UNUSED_SECONDS
            if folder != keep and (old or position >= KEEP):
                with suppress(BlockingIOError), self.removing(folder.name):
                    shutil.rmtree(folder.rename(folder.with_name(f".{folder.name}.old-{os.getpid()}")))


class Kept(Protocol[Found_co]):
    """Templates of any runtime, by key."""

    def in_use(self, key: str) -> AbstractContextManager[None]:
        """Shared: nobody removes the template meanwhile."""

    def building(self, key: str) -> AbstractContextManager[None]:
        """Alone: only one run builds it at a time."""

    def find(self, key: str) -> Found_co | None:
        """A complete template."""


@contextmanager
def held(templates: Kept[Found_co], key: str, build: Callable[[], None]) -> Iterator[Found_co]:
    """A template that nobody removes meanwhile, built when there is none. Those who find it do not wait for each other.

    Between its making and our use of it, others may need the room for theirs: then it is made again.
    """
    for _ in range(TRIES):
        with templates.in_use(key):
            found = templates.find(key)
            if found is not None:
                yield found
                return
        with templates.building(key):
            if templates.find(key) is None:
                build()
    raise StackError("the stack's template is removed as soon as it is made: do too many runs start at once?")


def key_of(*parts: Any) -> str:
    """A template's key: a hash over everything that decides what is in it."""
    text = json.dumps([FORMAT, *parts], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def content_hash(paths: Iterable[Path]) -> str:
    """A hash over names and contents of files and folders, without what Python caches."""
    digest = hashlib.sha256()
    for top in paths:
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(f"{path.relative_to(top.parent)}\0{path.stat().st_size}\0".encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()
