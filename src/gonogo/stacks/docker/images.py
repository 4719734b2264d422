"""Images: replaced by their mirrors, pulled when absent, built from a folder."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from gonogo.core.deadline import Deadline
from gonogo.core.errors import DeadlineExceeded, StackError, UsageError
from gonogo.stacks.docker.container import PullPolicy
from gonogo.stacks.docker.engine import RUN, speaking, words

if TYPE_CHECKING:
    from docker import DockerClient

IMAGES = "GONOGO_IMAGES"
REBUILD = "org.gonogo.local-rebuild"
BUILT = "org.gonogo.built"  # on images built from a stack file's folder: which service of which stack
BUILT_NAME = "gonogo-built"
FROM = re.compile(r"^(?P<before>\s*FROM\s+(?:--\S+\s+)*)(?P<image>\S+)", re.IGNORECASE | re.MULTILINE)
PULL_SECONDS = 600.0
BUILD_SECONDS = 600.0
POLL_SECONDS = 0.005  # of a thread of ours, which costs nothing
TAIL_LINES = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image on the engine. `evidence`: what was asked for, what ran, and whose build that is."""

    id: str
    evidence: str
    environment: Mapping[str, str]
    command: tuple[str, ...]
    ports: tuple[int, ...]
    folder: str  # its working directory


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recipe:
    """What is built."""

    folder: Path  # what is sent to the engine
    file: Path
    name: str
    only_for_run: str
    pull: PullPolicy


def mirror_map() -> dict[str, str]:
    """Official name -> replacement, from GONOGO_IMAGES or the user's configuration. Raises UsageError."""
    named = os.environ.get(IMAGES)
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "gonogo" / "config.yaml"
    path = Path(named) if named else config
    try:
        document = yaml.safe_load(path.read_text()) or {}
    except FileNotFoundError:
        if named:
            raise UsageError(f"{IMAGES} names {path}, which does not exist") from None
        return {}
    except (OSError, yaml.YAMLError) as error:
        raise UsageError(f"{path} cannot be read: {' '.join(str(error).split())}") from error
    found = document.get("images") or {} if isinstance(document, dict) else None
    if not isinstance(found, dict) or not all(isinstance(one, str) for pair in found.items() for one in pair):
        raise UsageError(f"{path}: images: must map the names of images to the names of their replacements")
    return found


def replaced(name: str, mirrors: Mapping[str, str]) -> str:
    """What stands for an image here. An entry without tag or digest stands for every tag and digest of its name.

    >>> mirrors = {"redis:7": "local/redis:7", "pgvector/pgvector": "mirror.example/pgvector"}
    >>> [replaced(one, mirrors) for one in ("redis:7", "redis:8", "pgvector/pgvector:pg17")]
    ['local/redis:7', 'redis:8', 'mirror.example/pgvector:pg17']
    >>> replaced("pgvector/pgvector@sha256:0f", mirrors)
    'mirror.example/pgvector@sha256:0f'
    """
    if name in mirrors:
        return mirrors[name]
    repository = name.partition("@")[0]
    if ":" in repository.rpartition("/")[2]:
        repository = repository.rpartition(":")[0]
    return mirrors[repository] + name[len(repository) :] if repository in mirrors else name


class Images:
    """The images of one run."""

    def __init__(self, client: DockerClient, mirrors: Mapping[str, str], tell: Callable[[str], None]) -> None:
        self._client = client
        self._mirrors = mirrors
        self._tell = tell
        self._pulled: set[str] = set()
        self._pulling = threading.Lock()  # services that start side by side ask for one image once
        self._built: dict[tuple[Path, str, str], Image] = {}
        self._building = threading.Lock()

    def find(self, name: str, deadline: Deadline, pull: PullPolicy = "missing") -> Image:
        """The image by its official name, or by its digest: its replacement if there is one. Raises StackError.

        `pull`: once a run at most. A replacement by digest is only taken where the engine vouches for that digest.
        """
        return self._described(name, self._there(name, deadline, pull))

    def _there(self, name: str, deadline: Deadline, pull: PullPolicy = "missing") -> Any:
        """The image itself, of the name that stands for `name` here."""
        real = replaced(name, self._mirrors)
        with self._pulling:
            found = None if pull == "always" and real not in self._pulled else self._local(real)
            if found is not None:
                return found
            if pull == "never":
                raise StackError(f"image {real} is not on this machine, and pull: never forbids to get it")
            found = self._get(name, real, deadline)
            self._pulled.add(real)
            return found

    def _local(self, real: str) -> Any:
        from docker.errors import ImageNotFound  # noqa: PLC0415 - see engine.connect

        with speaking(f"image {real}"), suppress(ImageNotFound):
            return self._client.images.get(real)
        return None

    def _get(self, name: str, real: str, deadline: Deadline) -> Any:
        self._tell(f"pulling {real}")
        try:
            return waited(lambda: self._client.images.pull(real), deadline.within(PULL_SECONDS), f"pulling {real}")
        except (StackError, DeadlineExceeded) as error:
            where = "could not be pulled" if self._local(real) else "is not on this machine and could not be pulled"
            advice = f"let images: in the file of {IMAGES} name a replacement for {name}"
            raise StackError(f"image {real} {where} ({error}): {advice}") from error

    def _described(self, name: str, found: Any) -> Image:
        config: Mapping[str, Any] = found.attrs["Config"]
        labels = config.get("Labels") or {}
        digests = [one.rpartition("@")[2] for one in found.attrs.get("RepoDigests") or ()]
        real = replaced(name, self._mirrors)
        parts = [real if real != name else "", (digests or [found.id])[0]]
        parts.append("local rebuild" if labels.get(REBUILD) == "true" else "")
        return Image(
            id=found.id,
            evidence=f"{name} ({', '.join(part for part in parts if part)})",
            environment=dict(one.partition("=")[::2] for one in config.get("Env") or ()),
            command=tuple(config.get("Cmd") or ()),
            ports=tuple(sorted(int(one.partition("/")[0]) for one in config.get("ExposedPorts") or ())),
            folder=config.get("WorkingDir") or "/",
        )

    def build(
        self,
        folder: Path,
        *,
        name: str,
        scratch: Path,
        deadline: Deadline,
        only_for_run: str = "",
        dockerfile: str = "Dockerfile",
        pull: PullPolicy = "missing",
    ) -> Image:
        """Build a Dockerfile of a folder, its bases (`pull` is about them) replaced by their mirrors.

        Raises StackError. `only_for_run`: an image of a changed source, removed with the run; others stay, for the next
        build's sake. Built once a run: the same folder gives the same image.
        """
        key = (folder, dockerfile, only_for_run)
        with self._building:
            if key not in self._built:
                file = folder / dockerfile
                recipe = _Recipe(folder=folder, file=file, name=name, only_for_run=only_for_run, pull=pull)
                self._built[key] = self._build(recipe, scratch, deadline)
            return self._built[key]

    def _build(self, wanted: _Recipe, scratch: Path, deadline: Deadline) -> Image:
        recipe, name, only_for_run = wanted.file, wanted.name, wanted.only_for_run
        folder = wanted.folder
        if not recipe.is_file():
            raise StackError(f"{folder} has no {recipe.name}")
        text = recipe.read_text()
        bases = self._bases(text, deadline, wanted.pull)
        rewritten = scratch / f"{name.replace('/', '-')}.Dockerfile"
        rewritten.write_text(FROM.sub(lambda at: at["before"] + bases.get(at["image"], at["image"]), text))
        tag = None if only_for_run else f"{BUILT_NAME}/{name}:{hashlib.sha256(str(recipe).encode()).hexdigest()[:12]}"
        labels = {RUN: only_for_run} if only_for_run else {BUILT: name}
        before = self.id_of(tag) if tag else None

        def build() -> Any:
            return self._client.images.build(
                path=str(folder), dockerfile=str(rewritten), tag=tag, labels=labels, rm=True, forcerm=True
            )[0]

        try:
            built = waited(build, deadline.within(BUILD_SECONDS), f"building {folder}")
        except DeadlineExceeded as error:
            raise StackError(str(error)) from error
        finally:
            rewritten.unlink(missing_ok=True)
        if tag:
            self.forget_unless(before, tag)
        return self._described(f"built from {folder.name}/{recipe.name} on {', '.join(bases)}", built)

    def id_of(self, tag: str) -> str | None:
        """What a name stands for now; None where nothing has it."""
        from docker.errors import ImageNotFound  # noqa: PLC0415 - see engine.connect

        with speaking(f"image {tag}"), suppress(ImageNotFound):
            return self._client.images.get(tag).id
        return None

    def forget_unless(self, before: str | None, tag: str) -> None:
        """Remove what a name stood for before a build, unless it still does or another run uses that image.

        Layers that the new one shares stay.
        """
        if before is None or before == self.id_of(tag):
            return
        with suppress(StackError), speaking("an old image stays"):
            self._client.images.remove(before)

    def _bases(self, dockerfile: str, deadline: Deadline, pull: PullPolicy) -> dict[str, str]:
        """The images that a Dockerfile starts from, each there now, by the name that stands for it here."""
        stages = set(re.findall(r"^\s*FROM\s.*\sAS\s+(\S+)", dockerfile, re.IGNORECASE | re.MULTILINE))
        named = [at["image"] for at in FROM.finditer(dockerfile)]
        wanted = [one for one in named if one not in stages and one != "scratch" and "$" not in one]
        for one in wanted:
            self._there(one, deadline, pull)
        return {one: replaced(one, self._mirrors) for one in wanted}


def waited(call: Callable[[], Any], deadline: Deadline, what: str) -> Any:
    """The result of a long call to the engine; an interruption or the deadline ends the wait for it."""
    from docker.errors import BuildError, DockerException  # noqa: PLC0415 - see engine.connect
    from requests.exceptions import RequestException  # noqa: PLC0415 - see engine.connect

    results: list[Any] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            results.append(call())
        except BuildError as error:
            lines = [str(entry.get("stream", "")).rstrip() for entry in error.build_log]
            errors.append(
                StackError("\n".join([f"{what} failed: {error.msg}", *list(filter(None, lines))[-TAIL_LINES:]]))
            )
        except (DockerException, RequestException) as error:
            errors.append(StackError(f"{what} failed: {words(error)}"))

    thread = threading.Thread(target=run, name="gonogo-docker-call", daemon=True)
    thread.start()
    deadline.poll(lambda: not thread.is_alive(), every_seconds=POLL_SECONDS, what=what)
    if errors:
        raise errors[0]
    return results[0]
