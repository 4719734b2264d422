"""Filled data directories, kept as volumes so that the next start only copies them."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from gonogo.core.errors import StackError
from gonogo.stacks.docker.engine import speaking
from gonogo.stacks.docker.images import Image
from gonogo.stacks.docker.site import DockerSite, Template
from gonogo.stacks.docker.volumes import Copy, copy_volume
from gonogo.stacks.local.templates import ADMIN_PASSWORD, KEEP, Templates

if TYPE_CHECKING:
    from docker import DockerClient

TEMPLATE = "org.gonogo.template"  # on volumes that outlive runs; its value is the template's key
OWNER = "org.gonogo.owner"  # whose cache knows the template: an engine may serve several users


class Filled(Protocol):
    """A stopped service whose volume a template keeps."""

    image: Image

    @property
    def volume(self) -> str:
        """The name of the volume."""


def owner_of(cache: Path) -> str:
    """Who a user with a cache folder is to the engine."""
    return hashlib.sha256(f"{os.getuid()}:{cache.resolve()}".encode()).hexdigest()[:12]


class VolumeTemplates:
    """The templates of this user on one engine: volumes there, passwords and locks in the user's cache."""

    def __init__(self, cache: Path, client: DockerClient) -> None:
        self._client = client
        self._folder = cache / "docker" / "templates"
        self._cached = Templates(cache / "docker")
        self._owner = owner_of(cache)

    @contextmanager
    def building(self, key: str) -> Iterator[None]:
        """Only one run builds a template at a time."""
        with self._cached.building(key):
            yield

    @contextmanager
    def in_use(self, key: str) -> Iterator[None]:
        """Nobody removes the template meanwhile."""
        with self._cached.in_use(key):
            yield

    def find(self, key: str) -> Template | None:
        """A complete template, marked as used now."""
        folder = self._cached.find(key)
        if folder is None:
            return None
        names = {one.name: self._volume(key, one.name) for one in folder.iterdir()}
        there = {one.name for one in self._volumes(key)}
        if not set(names.values()) <= there:
            shutil.rmtree(folder)
            return None
        return Template(volumes=names, passwords={one: (folder / one / ADMIN_PASSWORD).read_text() for one in names})

    def save(self, key: str, servers: Mapping[str, Filled], passwords: Mapping[str, str], site: DockerSite) -> None:
        """Keep the data of cleanly stopped servers."""
        self._remove_volumes(key)  # of a build that was killed
        fresh = self._folder / f".{key}.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700, parents=True)  # a stack may have no database at all
        for name, server in servers.items():
            with speaking(f"the template of {name} cannot be kept"):
                self._client.volumes.create(self._volume(key, name), labels={TEMPLATE: key, OWNER: self._owner})
            copy_volume(site, server.image, server.volume, [Copy(volume=self._volume(key, name))], site.deadline)
            (fresh / name).mkdir(mode=0o700, parents=True)
            secret = fresh / name / ADMIN_PASSWORD
            secret.touch(mode=0o600)
            secret.write_text(passwords[name])
        fresh.rename(self._folder / key)
        self._prune(key)

    def _prune(self, keep: str) -> None:
        """Remove the oldest templates, but none that somebody copies now."""
        folders = [one for one in self._folder.iterdir() if one.is_dir() and not one.name.startswith(".")]
        by_age = sorted(folders, key=lambda one: one.stat().st_mtime, reverse=True)
        for folder in by_age[KEEP:]:
            if folder.name == keep:
                continue
            with suppress(BlockingIOError, StackError), self._cached.removing(folder.name):
                self._remove_volumes(folder.name)
                shutil.rmtree(folder)

    def remove_unfinished(self) -> None:
        """Remove the volumes of templates that a killed run began. Raises StackError."""
        for key in {str(one.attrs["Labels"][TEMPLATE]) for one in self._volumes()}:
            with suppress(BlockingIOError), self._cached.removing(key):
                if self._cached.find(key) is None:
                    self._remove_volumes(key)

    def _remove_volumes(self, key: str) -> None:
        with speaking(f"the volumes of template {key} cannot be removed"):
            for volume in self._volumes(key):
                volume.remove(force=True)

    def _volumes(self, key: str | None = None) -> list[Any]:
        """The volumes of this user's templates, or of one of them."""
        labels = [f"{OWNER}={self._owner}", TEMPLATE if key is None else f"{TEMPLATE}={key}"]
        with speaking("the volumes of templates cannot be looked for"):
            return list(self._client.volumes.list(filters={"label": labels}))

    def _volume(self, key: str, service: str) -> str:
        return f"gonogo-template-{self._owner}-{key}-{service}"
