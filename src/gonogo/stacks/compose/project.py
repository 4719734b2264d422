"""One run's own copy of a Compose project: prepared, started, taken in hand."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gonogo.core.deadline import Deadline
from gonogo.core.errors import DeadlineExceeded, StackError, UnsupportedStack, UsageError
from gonogo.core.secrets import is_secret
from gonogo.core.suggestion import did_you_mean
from gonogo.spec.compose import ComposeSpec
from gonogo.stacks.compose.beyond import led_outside, objections
from gonogo.stacks.compose.dollars import plain
from gonogo.stacks.compose.images import Builder
from gonogo.stacks.compose.member import Member, Written
from gonogo.stacks.compose.mounts import Folders
from gonogo.stacks.compose.program import Compose
from gonogo.stacks.compose.rewrite import (
    Model,
    Reached,
    Rewritten,
    Surroundings,
    left_out,
    rewrite,
)
from gonogo.stacks.docker.box import PORT_TAKEN, TRIES
from gonogo.stacks.docker.engine import labels_of, speaking
from gonogo.stacks.docker.site import DockerSite

if TYPE_CHECKING:
    from docker.models.containers import Container

UP_SECONDS = 600.0
SETTLE_SECONDS = 30.0
SETTLE_POLL_SECONDS = 0.1
TAIL_LINES = 15
PUBLIC = re.compile(r"(?i)(user(name)?|_db|database|db_?name|host)$")
PROJECT, SERVICE, NUMBER = (f"com.docker.compose.{one}" for one in ("project", "service", "container-number"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """`compose:` of a service of the stack file: SERVICE or SERVICE:PORT."""

    service: str
    port: int | None

    @classmethod
    def parse(cls, name: str, text: str) -> Reference:
        """Raises UsageError.

        >>> Reference.parse("app", "web:8080")
        Reference(service='web', port=8080)
        """
        service, _, port = text.partition(":")
        if not service or (port and not port.isdecimal()) or text.endswith(":"):
            raise UsageError(f"services.{name}.compose: {text!r} is neither SERVICE nor SERVICE:PORT")
        return cls(service=service, port=int(port) if port else None)


@dataclass(slots=True, kw_only=True)
class Project:
    """The project of one run. `named`: what the stack file calls which service of it."""

    site: DockerSite
    compose: Compose
    name: str
    model: Model
    named: Mapping[str, Reference]
    written: dict[str, Written] = field(default_factory=dict)  # by the name in the stack file
    rewritten: Rewritten = field(default_factory=lambda: Rewritten(model={}))
    containers: dict[str, Container] = field(default_factory=dict)  # by the name in the project
    environments: dict[str, dict[str, str]] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)  # what ran, by the name in the project
    ports: dict[str, int] = field(default_factory=dict)  # inside, by the name in the stack file
    _ids: dict[str, str] = field(default_factory=dict)  # of images, by the name in the project

    @property
    def file(self) -> Path:
        """The Compose file of the run; it holds secrets."""
        return self.site.scratch / "compose.json"

    def prepare(self, stack: str, edited: Mapping[Path, Path], deadline: Deadline) -> None:
        """Have every image. Raises StackError."""
        builder = Builder(compose=self.compose, site=self.site, project=self.name, stack=stack, edited=edited)
        images = builder.images(self.model["services"], deadline)
        self.images = {name: image.evidence for name, image in images.items()}
        for name, reference in self.named.items():
            self.written[name] = Written(
                name=reference.service, service=self.model["services"][reference.service],
                image=images[reference.service], listens=reference.port,
            )  # fmt: skip
        self._ids = {name: image.id for name, image in images.items()}

    def up(self, reached: Mapping[str, Reached], edited: Mapping[Path, Path], deadline: Deadline) -> None:
        """Start everything. Raises StackError with the end of the log of what did not start."""
        folders = Folders(self.site.scratch, self.site.run.run_id, edited)
        self.site.run.progress(f"starting {', '.join(self.model['services'])} with Compose")
        for attempt in range(TRIES):
            self._rewrite(reached, folders)
            try:
                self._compose(["up", "--detach", "--no-build"], deadline.within(UP_SECONDS))
            except StackError as error:
                if attempt + 1 == TRIES or not any(text in str(error) for text in PORT_TAKEN):
                    raise StackError(f"the Compose project did not start: {error}{self._complaints()}") from error
            else:
                break
        for note in dict.fromkeys(self.rewritten.notes):
            self.site.run.progress(f"compose: {note}")
        self._look()

    def _rewrite(self, reached: Mapping[str, Reached], folders: Folders) -> None:
        run_id = self.site.run.run_id
        around = Surroundings(
            project=self.name, network=self.site.network, labels=lambda service: labels_of(run_id, service),
            images=self._ids, port=self.site.port, folders=folders,
            reached={self.named[name].service: one for name, one in reached.items()},
        )  # fmt: skip
        self.rewritten = rewrite(self.model, around)
        self._write(self.rewritten.model)

    def _write(self, model: Model) -> None:
        self.file.touch(mode=0o600)
        self.file.write_text(json.dumps(model))

    def _compose(self, arguments: list[str], deadline: Deadline) -> str:
        return self.compose.call([*self.compose.project(self.name, self.file), *arguments], deadline)

    def start_beside(self, service: str, model: Model, deadline: Deadline) -> Container:
        """Start one more service, whose networks are there already; nothing else is touched. Raises StackError."""
        both = {**self.rewritten.model, "services": {**self.rewritten.model["services"], service: model}}
        networks = {
            name: {"name": name, "external": True} for name in model["networks"] if name not in both["networks"]
        }
        self._write({**both, "networks": {**both["networks"], **networks}})
        self._compose(["up", "--detach", "--no-build", "--no-deps", "--no-recreate", service], deadline)
        return self._find()[service]

    def _look(self) -> None:
        """Find the containers, register their secrets, and let nothing start again by itself."""
        self.containers = self._find()
        for name, container in self.containers.items():
            environment = dict(one.partition("=")[::2] for one in container.attrs["Config"].get("Env") or ())
            self.environments[name] = environment
            for variable, value in environment.items():
                if is_secret(variable, value) and value not in public_words(self.model):
                    self.site.run.secret(value)

    def _find(self) -> dict[str, Container]:
        with speaking("the containers of the Compose project cannot be found"):
            label = f"{PROJECT}={self.name}"
            found = self.site.client.containers.list(all=True, filters={"label": label}, ignore_removed=True)
            return {one.labels[SERVICE]: one for one in found}

    def stay_dead(self, deadline: Deadline) -> None:
        """From now on, what is killed stays dead: until here, a restart: of the project may have been needed.

        What is between two lives is given time for the next one.
        """
        with suppress(DeadlineExceeded):  # then it has failed, and `judge` says so
            deadline.within(SETTLE_SECONDS).poll(
                lambda: not self._restarting(), every_seconds=SETTLE_POLL_SECONDS, what="services stay up"
            )
        policy: Any = {"Name": "no"}
        for name, container in self.containers.items():
            with speaking(f"{name} cannot be told to stay dead"):
                container.update(restart_policy=policy)

    def _restarting(self) -> bool:
        return any(one.attrs["State"]["Status"] == "restarting" for one in self._find().values())

    def judge(self) -> None:
        """Raise StackError for a service that has ended badly. One that is unhealthy may only be on a slow host."""
        if complaints := self._complaints(healthy=True):
            raise StackError(f"of the Compose project, what has failed:{complaints}")

    def _complaints(self, *, healthy: bool = False) -> str:
        """The end of the log of each service that ended badly or (unless all are taken as healthy) is not healthy."""
        said = []
        for name, container in sorted(self._find().items()):
            with speaking(f"{name} cannot be looked at"):
                container.reload()
                state: Any = container.attrs["State"]
                if state["Status"] in {"exited", "restarting"} and state["ExitCode"]:
                    what = f"{name} ended with exit code {state['ExitCode']}"
                elif not healthy and (state.get("Health") or {}).get("Status") == "unhealthy":
                    what = f"{name} is unhealthy"
                else:
                    continue
                tail = container.logs(tail=TAIL_LINES).decode(errors="replace").rstrip("\n")
            said.append(f"\n{what} (compose: {{without: [{name}]}} leaves it out)\n{tail}")
        return "".join(said)

    def member(self, name: str, application: str, *, container: Container | None = None) -> Member:
        """A service of the stack file, running."""
        written = self.written[name]
        inside = self.ports[name]
        found = container or self.containers.get(written.name)
        if found is None:
            raise StackError(f"services.{name}: Compose started no container of {written.name}")
        outside = self.rewritten.ports.get((written.name, inside))
        if outside is None:
            raise UnsupportedStack(
                f"services.{name}: {written.name} shares another service's network: it cannot be reached from here"
            )
        return Member(
            name=name, written=written, site=self.site, container=found, port=inside, outside=outside,
            all_environments=self.environments, application=application,
        )  # fmt: skip


def read_project(
    spec: ComposeSpec,
    named: Mapping[str, Reference],
    given: Mapping[str, Mapping[str, str]],
    *,
    folder: Path,
    site: DockerSite,
    compose: Compose,
) -> Project:
    """The user's project. `given`: the variables that the stack file gives to services of it.

    Raises UsageError for what does not fit it, UnsupportedStack for what cannot be run.
    """
    model = compose.resolved(spec, folder, site.deadline)
    services = model.get("services") or {}
    _all_there("compose.without", spec.without, services)
    for name, reference in named.items():
        _all_there(f"services.{name}.compose", (reference.service,), services)
        if reference.service in spec.without:
            raise UsageError(f"services.{name}.compose: {reference.service} is left out by compose.without")
    kept = left_out(model, frozenset(spec.without))
    if found := [*objections(kept), *led_outside(kept, given)]:
        raise UnsupportedStack("the Compose project cannot be run: " + "; ".join(found))
    for text in _secret_texts(kept):
        site.run.secret(text)
    return Project(site=site, compose=compose, name=f"gonogo-{site.run.run_id}".lower(), model=kept, named=named)


def _all_there(where: str, names: tuple[str, ...], services: Mapping[str, Any]) -> None:
    for name in names:
        if name not in services:
            hint = did_you_mean(name, services)
            raise UsageError(
                f"{where}: the Compose project has no service {name!r}{hint} (services: {', '.join(services)}; those"
                f" behind a profile need compose: {{profiles: […]}})"
            )


def _secret_texts(model: Model) -> list[str]:
    """What stands in the project and must not reach a report."""
    found = [
        plain(value)
        for one in model["services"].values()
        for name, value in (one.get("environment") or {}).items()
        if value is not None and is_secret(name, plain(value))
    ]
    for one in (model.get("secrets") or {}).values():
        path = Path(plain(one.get("file") or ""))
        if path.is_file():
            with suppress(PermissionError):  # then only the engine reads it: what gonogo cannot see, it cannot mask
                found.append(path.read_text(errors="replace").strip())
        if one.get("environment"):
            found.append(os.environ.get(str(one["environment"]), ""))
        if one.get("content"):
            found.append(plain(one["content"]))
    public = public_words(model)
    return [text for text in found if text and text not in public]


def public_words(model: Model) -> frozenset[str]:
    """What stands in the open anyway: a password that is the user's name cannot be masked without masking that."""
    said = {"postgres", "password", *model["services"]}
    for one in model["services"].values():
        for name, value in (one.get("environment") or {}).items():
            if PUBLIC.search(name) and value is not None:
                said.add(plain(value))
    return frozenset(said)
