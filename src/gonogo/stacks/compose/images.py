"""The images of a Compose project: replaced by their mirrors, pulled when absent, built by Compose."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gonogo.core.deadline import Deadline
from gonogo.core.errors import StackError
from gonogo.stacks.compose.dollars import doubled, plain
from gonogo.stacks.compose.program import Compose
from gonogo.stacks.docker.engine import RUN
from gonogo.stacks.docker.images import BUILT, BUILT_NAME, FROM, Image, mirror_map, replaced
from gonogo.stacks.docker.site import DockerSite

BUILD_SECONDS = 1200.0
STAGE = re.compile(r"^\s*FROM\s.*\sAS\s+(\S+)", re.IGNORECASE | re.MULTILINE)
REMOTE = re.compile(r"^(https?|git|ssh)://|^git@")


@dataclass(frozen=True, slots=True, kw_only=True)
class Builder:
    """Finds or builds the images of one run's project. `edited`: folders that changed copies stand for."""

    compose: Compose
    site: DockerSite
    project: str
    stack: str
    edited: Mapping[Path, Path]

    def images(self, services: Mapping[str, Any], deadline: Deadline) -> dict[str, Image]:
        """The image of every service. Raises StackError where one cannot be had."""
        built = {name: one["build"] for name, one in services.items() if one.get("build")}
        tags = {name: self._tag(name, build) for name, build in built.items()}
        if built:
            self._build(built, tags, deadline.within(BUILD_SECONDS))
        found = {}
        for name, one in services.items():
            image = self.site.images.find(tags.get(name) or familiar(plain(one["image"])), deadline)
            if name in built:
                folder = Path(plain(built[name].get("context", ""))).name
                image = _said(image, f"built from {folder} by Compose")
            found[name] = image
        return found

    def _tag(self, name: str, build: Mapping[str, Any]) -> str:
        """Never the project's own name for it: that is the user's, and perhaps in use."""
        recipe = json.dumps({**build, "context": str(self._context(build))}, sort_keys=True)
        return f"{BUILT_NAME}/{self.stack}-{name.lower()}:{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"

    def _context(self, build: Mapping[str, Any]) -> str | Path:
        context = plain(build.get("context", "."))
        if REMOTE.match(context):
            return context
        return self.edited.get(Path(context).resolve(), Path(context))

    def _build(self, built: Mapping[str, Mapping[str, Any]], tags: Mapping[str, str], deadline: Deadline) -> None:
        services = {}
        for name, build in built.items():
            self.site.run.progress(f"building {name}")
            context = self._context(build)
            labels = {**(build.get("labels") or {}), BUILT: f"{self.stack}-{name}"}
            if self.edited and isinstance(context, Path) and context in self.edited.values():
                labels[RUN] = self.site.run.run_id  # of a changed source: it goes with the run
            kept = {key: value for key, value in build.items() if key not in {"tags", "cache_to", "dockerfile_inline"}}
            inline = {key: build[key] for key in ("dockerfile_inline",) if key in build}
            recipe = (self._mirrored(name, build, context, deadline) if isinstance(context, Path) else {}) or inline
            services[name] = {
                "image": tags[name],
                "build": {**kept, "context": doubled(str(context)), "labels": labels, **recipe},
            }
        file = self.site.scratch / "compose-build.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps({"name": self.project, "services": services}))
        before = {tag: self.site.images.id_of(tag) for tag in tags.values()}
        self.compose.call([*self.compose.project(self.project, file), "build", "--quiet"], deadline)
        for tag, old in before.items():
            self.site.images.forget_unless(old, tag)

    def _mirrored(self, name: str, build: Mapping[str, Any], context: Path, deadline: Deadline) -> dict[str, str]:
        """The Dockerfile with its bases replaced by their mirrors; nothing where none has a mirror."""
        text = build.get("dockerfile_inline")
        path = context / plain(build.get("dockerfile") or "Dockerfile")
        if text is None and not path.is_file():  # Compose would name a folder of its own
            raise StackError(f"the Compose project does not build {name}: there is no {path}")
        text = plain(text) if text is not None else path.read_text()
        mirrors, stages = mirror_map(), set(STAGE.findall(text))
        bases = {at["image"]: replaced(at["image"], mirrors) for at in FROM.finditer(text) if at["image"] not in stages}
        elsewhere = {base: real for base, real in bases.items() if real != base}
        if not elsewhere:
            return {}
        for base in elsewhere:
            self.site.images.find(base, deadline)
        rewritten = self.site.scratch / f"{name}.Dockerfile"
        rewritten.write_text(FROM.sub(lambda at: at["before"] + elsewhere.get(at["image"], at["image"]), text))
        return {"dockerfile": doubled(str(rewritten))}


def familiar(name: str) -> str:
    """An image's name as mirror maps have it, without what Docker adds by itself.

    >>> familiar("docker.io/library/redis:7"), familiar("docker.io/pgvector/pgvector:pg17"), familiar("quay.io/a/b")
    ('redis:7', 'pgvector/pgvector:pg17', 'quay.io/a/b')
    """
    return name.removeprefix("docker.io/").removeprefix("library/")


def _said(image: Image, words: str) -> Image:
    digest = image.evidence.rpartition("(")[2].rstrip(")")
    return replace(image, evidence=f"{words} ({digest})")
