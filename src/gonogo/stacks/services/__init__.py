"""Kinds of service: one file each, defining `SERVICE`.

A kind says what its keys in a stack file may be, and starts itself on the runtimes it supports: each runtime asks for
one more method (`embedded`, `docker`, `external`); a kind without it is unsupported there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol, runtime_checkable

from pydantic import BeforeValidator, ValidationError

from gonogo.core.errors import UsageError
from gonogo.core.registry import Registry
from gonogo.spec.base import Spec
from gonogo.spec.stack import ServiceSpec, StackSpec
from gonogo.stacks.compose.member import Member, Written
from gonogo.stacks.compose.rewrite import Reached
from gonogo.stacks.docker.site import DockerSite
from gonogo.stacks.external.site import ExternalSite
from gonogo.stacks.interfaces import FileStore, StoreRequest
from gonogo.stacks.local.site import Site
from gonogo.stacks.started import Started


@runtime_checkable
class ServiceKind(Protocol):
    """What every kind has. `parameters` is the model of the keys beside `kind` and `optional`."""

    parameters: type[Spec]


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """A service of a stack file, its keys validated."""

    name: str
    kind: ServiceKind
    kind_name: str
    optional: bool
    parameters: Any  # an instance of kind.parameters
    folder: Path  # the stack file's: relative paths count from it
    compose: str | None = None  # the service of the stack's Compose project that it is, perhaps with :PORT

    def path(self, relative: str) -> Path:
        """A path of the stack file."""
        return (self.folder / relative).resolve()


@runtime_checkable
class EmbeddedKind(ServiceKind, Protocol):
    """Runs as local processes. Raises MissingCapability where a program is not there, StackError when it fails."""

    def embedded(self, declared: Declared, site: Site) -> Started:
        """Start it; returns when it answers."""


@runtime_checkable
class DockerKind(ServiceKind, Protocol):
    """Runs in containers. Raises MissingCapability for what only another runtime can do, StackError when it fails."""

    def docker(self, declared: Declared, site: DockerSite) -> Started:
        """Start it; returns when it answers. Its references are as other containers see it."""


@runtime_checkable
class ExternalKind(ServiceKind, Protocol):
    """Can be attached to where it already runs. An address that does not answer is not an error here."""

    def external(self, declared: Declared, site: ExternalSite) -> Started:
        """Attach."""


@runtime_checkable
class ComposeKind(ServiceKind, Protocol):
    """Can be a service of the Compose project that the stack file names."""

    def reached(self, declared: Declared, written: Written, site: DockerSite) -> Reached:
        """What gonogo needs of it, before it starts. Raises UsageError for keys that Compose decides."""

    def compose(self, declared: Declared, member: Member) -> Started:
        """Take its container in hand; returns when it answers."""


@runtime_checkable
class KeepingKind(ServiceKind, Protocol):
    """Holds data that belong into a stack's template, beside the databases."""

    def content(self, declared: Declared) -> Any:
        """What decides the form of its data, for the template's key; None where it cannot run here."""


@runtime_checkable
class RestoringKind(ServiceKind, Protocol):
    """Can be started from restored files as local processes, beside the service itself."""

    def restored(self, declared: Declared, site: Site, request: StoreRequest) -> ScratchStore:
        """Start it in `site.scratch`, a folder of its own. Raises StackError, StackTimedOut."""


@runtime_checkable
class RestoringInContainers(ServiceKind, Protocol):
    """Can be started from restored files in a container, beside the service itself."""

    def restored_in_container(
        self, declared: Declared, site: DockerSite, request: StoreRequest, name: str
    ) -> ScratchStore:
        """Start it under a name of its own. Raises StackError, StackTimedOut."""


@runtime_checkable
class ScratchStore(FileStore, Protocol):
    """A store that was started beside the one of the stack."""

    def close(self) -> None:
        """End it. Safe to call twice."""


SERVICES: Registry[ServiceKind] = Registry(
    kind="service kind", package="gonogo.stacks.services", attribute="SERVICE", protocol=ServiceKind
)


def declared_services(spec: StackSpec, spec_path: Path) -> dict[str, Declared]:
    """The stack's services with validated keys. Raises UsageError with every problem, one per line."""
    found: dict[str, Declared] = {}
    problems: list[str] = []
    for name, service in spec.services.items():
        try:
            found[name] = _declared(name, service, spec_path.parent)
        except ValidationError as error:
            problems += [f"services.{name}.{_key(one['loc'])}: {one['msg']}" for one in error.errors()]
    if problems:
        raise UsageError("\n".join(f"{spec_path}: {problem}" for problem in problems))
    return found


def _declared(name: str, service: ServiceSpec, folder: Path) -> Declared:
    kind = SERVICES.load(service.kind)
    return Declared(
        name=name,
        kind=kind,
        kind_name=service.kind,
        optional=service.optional,
        parameters=kind.parameters.model_validate(service.model_extra or {}),
        folder=folder,
        compose=service.compose,
    )


def _key(location: tuple[int | str, ...]) -> str:
    return ".".join(map(str, location))


def _as_text(value: Any) -> Any:
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value) if isinstance(value, (int, float)) else value


Text = Annotated[str, BeforeValidator(_as_text)]  # 60 and true may be written without quotes
