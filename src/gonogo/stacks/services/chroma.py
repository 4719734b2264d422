"""ChromaDB: its own server as a child process, in a container, or where it already runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field

from gonogo.core.deadline import Deadline
from gonogo.core.errors import MissingCapability, UsageError
from gonogo.spec.base import Bytes, Spec
from gonogo.stacks.chroma import HEARTBEAT, KIND, Place
from gonogo.stacks.compose.member import Member, Written, only
from gonogo.stacks.compose.rewrite import Reached
from gonogo.stacks.compose.web import ComposeHttp
from gonogo.stacks.docker.box import Definition
from gonogo.stacks.docker.container import UNLIMITED, ContainerSpec
from gonogo.stacks.docker.images import Image
from gonogo.stacks.docker.site import DockerSite
from gonogo.stacks.docker.storage import make_volume, remove_volume
from gonogo.stacks.docker.stores import copy_out, filled
from gonogo.stacks.docker.volumes import Copy, copy_volume
from gonogo.stacks.docker.web import DockerHttp, Life
from gonogo.stacks.external.hooks import Hooks
from gonogo.stacks.external.site import ExternalSite
from gonogo.stacks.external.web import ExternalHttp
from gonogo.stacks.interfaces import LOADING, StoreRequest
from gonogo.stacks.local.cache import cache_folder
from gonogo.stacks.local.cluster import copy_data
from gonogo.stacks.local.disk import Disk, limited_folder
from gonogo.stacks.local.files import copy_path
from gonogo.stacks.local.site import Site
from gonogo.stacks.local.web import HOST, LocalHttp, Program
from gonogo.stacks.services import Declared
from gonogo.stacks.started import Started

PROGRAM = "chroma"
BINDIR = "GONOGO_CHROMA_BINDIR"
PORT = 8000
DATA = "/data"  # of the official image
START_SECONDS = 60.0
STOP_SECONDS = 10.0
VERSION_SECONDS = 30.0
VERSION = re.compile(r"\d+(?:\.\d+)+")
QUIET = {"ANONYMIZED_TELEMETRY": "False"}
INSTALL = (
    f"no {PROGRAM} is on PATH: install chromadb into an environment of its own (scripts/set-up-chroma does)"
    f" and name its bin folder in bindir: or {BINDIR}"
)


class ChromaParameters(Spec):
    """Keys of a chroma service."""

    image: str = "chromadb/chroma:1.5.9"
    bindir: str | None = None  # embedded: the folder of the `chroma` program, or an environment that holds it
    disk: Bytes | None = None  # embedded: the most that its data may take, on a mount of that size
    container: ContainerSpec = UNLIMITED  # docker
    url: str | None = None  # external
    tenant: str = "default_tenant"
    database: str = "default_database"
    headers: dict[str, str] = Field(default_factory=dict)  # of gonogo's own requests, e.g. x-chroma-token


class LocalChroma(LocalHttp):
    """Implements VectorStore and FileStore."""

    def __init__(self, declared: Declared, program: Path, site: Site, *, limited: bool = True) -> None:
        parameters: ChromaParameters = declared.parameters
        self.place = place_of(parameters, site.references.resolve)
        self.folder = site.scratch / declared.name
        wanted_bytes = None if site.building or not limited else parameters.disk
        self.disk: Disk = limited_folder(site, declared.name, self.folder, wanted_bytes)
        self.data = self.folder / "data"
        self.data.mkdir(parents=True, exist_ok=True)
        arguments = ["run", "--path", str(self.data), "--host", HOST, "--port", "{port}"]
        super().__init__(
            name=declared.name, kind=KIND, site=site,
            program=Program(
                command=[str(program), *arguments], folder=self.folder, environment=QUIET, ready=HEARTBEAT,
                start_seconds=START_SECONDS, stop_grace_seconds=STOP_SECONDS,
            ),
        )  # fmt: skip

    @property
    def references(self) -> Mapping[str, str]:
        """What `${vectors.…}` gives."""
        return references_of(self.url)

    @property
    def home(self) -> str:
        """The folder of its data."""
        return str(self.data)

    def copy_out(self, relative: str, target: Path, deadline: Deadline) -> None:  # noqa: ARG002 - a protocol
        """Copy what lies below that folder."""
        copy_path(self.data / relative, target)

    def keep(self, deadline: Deadline) -> Path:
        """Stop it; returns the folder of its data."""
        self.stop(min(STOP_SECONDS, deadline.remaining_seconds))
        return self.data

    def close(self) -> None:
        """End it, and its mount. Safe to call twice."""
        super().close()
        self.disk.remove()


class DockerChroma(DockerHttp):
    """Implements VectorStore and FileStore; its data lie in a volume."""

    def __init__(self, declared: Declared, image: Image, site: DockerSite) -> None:
        self.place = place_of(declared.parameters, site.references.resolve)
        self.image = image
        self.volume = make_volume(site, declared.name)
        self._site_of_volume = site
        definition = Definition(
            service=declared.name, image=image.id, port=image.ports[0] if image.ports else PORT, alias=declared.name,
            environment=QUIET, mounts={self.volume: (DATA, "rw")}, container=declared.parameters.container,
            folder=declared.folder,
        )  # fmt: skip
        life = Life(ready=HEARTBEAT, start_seconds=START_SECONDS, stop_grace_seconds=STOP_SECONDS)
        super().__init__(name=declared.name, kind=KIND, site=site, definition=definition, life=life)

    @property
    def home(self) -> str:
        """The volume."""
        return self.volume

    @property
    def references(self) -> Mapping[str, str]:
        """What `${vectors.…}` gives to other containers."""
        return references_of(self.inside["url"])

    def copy_out(self, relative: str, target: Path, deadline: Deadline) -> None:
        """Copy what lies in its volume."""
        copy_out(replace(self._site_of_volume, deadline=deadline), self.image, self.volume, relative, target)

    def keep(self, deadline: Deadline) -> None:
        """Stop it: its volume holds all of its data then."""
        self.stop(min(STOP_SECONDS, deadline.remaining_seconds))

    def close(self) -> None:
        """End it and remove it with its data. Safe to call twice."""
        super().close()
        remove_volume(self._site_of_volume, self.volume)


class ComposeChroma(ComposeHttp):
    """Implements VectorStore for the one of a Compose project."""

    def __init__(self, declared: Declared, member: Member) -> None:
        self.place = place_of(declared.parameters, member.site.references.resolve)
        life = Life(ready=HEARTBEAT, start_seconds=START_SECONDS, stop_grace_seconds=member.stop_grace_seconds)
        super().__init__(member, kind=KIND, life=life, asks_ready=True, source=None)


class ExternalChroma(ExternalHttp):
    """Implements VectorStore for asking."""

    kind = KIND

    def __init__(self, name: str, url: str, place: Place, hooks: Hooks) -> None:
        super().__init__(name, url, None, HEARTBEAT, hooks)
        self.place = place


class ChromaKind:
    """A service kind."""

    parameters = ChromaParameters

    def content(self, declared: Declared) -> Any:
        """What decides the form of its data, for the key of the stack's template."""
        try:
            program = find_program(declared)
        except MissingCapability:
            return None
        return [version_of(program), declared.parameters.tenant, declared.parameters.database]

    def embedded(self, declared: Declared, site: Site) -> Started:
        """Start the local `chroma run`. Raises MissingCapability where there is none."""
        program = find_program(declared)
        service = LocalChroma(declared, program, site)
        try:
            kept = site.template / declared.name / "data" if site.template else None
            if kept is not None and kept.is_dir():
                service.data.rmdir()
                copy_data(kept, service.data, replace(site.account, dropped=False), run_id=site.run.run_id)
            service.start(site.deadline)
        except BaseException:
            service.close()
            raise
        return Started(
            service=service, close=service.close, references=references_of(service.url),
            image=f"Chroma {version_of(program)} in {program.parent}",
        )  # fmt: skip

    def restored(self, declared: Declared, site: Site, request: StoreRequest) -> LocalChroma:
        """Start one from restored files. Implements RestoringKind."""
        named = replace(declared, name=f"{declared.name}-restored")
        service = LocalChroma(named, find_program(declared), site, limited=False)
        request.fill(service.data)
        request.phase(LOADING)
        service.start(site.deadline)
        return service

    def docker(self, declared: Declared, site: DockerSite) -> Started:
        """Start a container of the image, its data in a volume."""
        image = site.images.find(declared.parameters.image, site.deadline, declared.parameters.container.pull)
        service = DockerChroma(declared, image, site)
        try:
            kept = site.template.volumes.get(declared.name) if site.template else None
            if kept is not None:
                copy_volume(site, image, kept, [Copy(volume=service.volume)], site.deadline)
            service.start(site.deadline)
        except BaseException:
            service.close()
            raise
        return Started(
            service=service, close=service.close, image=image.evidence,
            references=references_of(service.inside["url"]), outside=references_of(service.url),
        )  # fmt: skip

    def restored_in_container(
        self, declared: Declared, site: DockerSite, request: StoreRequest, name: str
    ) -> DockerChroma:
        """Start one from restored files, in a container. Implements RestoringInContainers."""
        image = site.images.find(declared.parameters.image, site.deadline, declared.parameters.container.pull)
        service = DockerChroma(replace(declared, name=name), image, site)
        try:
            filled(site, image, service.volume, request)
            service.start(site.deadline)
        except BaseException:
            service.close()
            raise
        return service

    def reached(self, declared: Declared, written: Written, site: DockerSite) -> Reached:  # noqa: ARG002 - a protocol
        """Its port; a data folder of the user's is not for us."""
        only(declared.name, declared.parameters, ("tenant", "database", "headers"))
        return Reached(port=written.port(PORT), data=(DATA, "/chroma/chroma"))

    def compose(self, declared: Declared, member: Member) -> Started:
        """Wait until its heart beats."""
        service = ComposeChroma(declared, member)
        service.start(member.site.deadline)
        return Started(
            service=service, close=lambda: None, image=member.written.image.evidence,
            references={**references_of(f"http://{member.written.name}:{member.port}"), **member.references()},
            outside=references_of(service.url),
        )  # fmt: skip

    def external(self, declared: Declared, site: ExternalSite) -> Started:
        """Attach to `url`."""
        parameters: ChromaParameters = declared.parameters
        if not parameters.url:
            raise UsageError(f"services.{declared.name}: the external runtime needs url:")
        place = place_of(parameters, site.resolve)
        service = ExternalChroma(declared.name, site.resolve(parameters.url), place, site.hooks)
        return Started(service=service, close=lambda: None, references=references_of(service.url), image="external")


SERVICE = ChromaKind()


def place_of(parameters: ChromaParameters, resolve: Callable[[Any], Any]) -> Place:
    """Where its collections lie, references resolved."""
    headers: Mapping[str, str] = resolve(dict(parameters.headers))
    return Place(tenant=parameters.tenant, database=parameters.database, headers=headers)


def references_of(url: str) -> dict[str, str]:
    """What `${vectors.…}` gives.

    >>> references_of("https://chroma.example/behind/a/proxy")["host"], references_of("http://127.0.0.1:8000")["port"]
    ('chroma.example', '8000')
    """
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return {"url": url, "host": parts.hostname or "", "port": str(port)}


def find_program(declared: Declared) -> Path:
    """The `chroma` to run: of bindir:, of GONOGO_CHROMA_BINDIR, on PATH, or gonogo's own. Raises MissingCapability."""
    setting = declared.parameters.bindir
    given = declared.path(setting) if setting else Path(os.environ[BINDIR]) if os.environ.get(BINDIR) else None
    if given is not None:
        found = _in_folder(given) or _in_folder(given / "bin")
        if found is None:
            raise MissingCapability(f"{given} holds no program {PROGRAM}")
        return found
    on_path = shutil.which(PROGRAM)
    own = _in_folder(cache_folder() / PROGRAM / "bin")
    if on_path is None and own is None:
        raise MissingCapability(INSTALL)
    return Path(on_path) if on_path is not None else Path(str(own))


def _in_folder(folder: Path) -> Path | None:
    found = shutil.which(PROGRAM, path=str(folder))
    return Path(found) if found else None


def version_of(program: Path) -> str:
    """The version of the chromadb that the program belongs to, else that of the command line."""
    for installed in program.resolve().parent.parent.glob("lib/python*/site-packages/chromadb-*.dist-info"):
        return installed.name.removeprefix("chromadb-").removesuffix(".dist-info")
    try:
        done = subprocess.run(
            [program, "--version"], capture_output=True, text=True, check=False, timeout=VERSION_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MissingCapability(f"{program} cannot be run: {error}") from error
    found = VERSION.search(done.stdout)
    return found[0] if found else "of unknown version"
