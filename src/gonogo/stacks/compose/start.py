"""Starting a Compose project as the stack that it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psycopg

from gonogo.core.errors import MissingCapability, StackError, UnsupportedStack, UsageError
from gonogo.spec.compose import ComposeSpec
from gonogo.stacks.compose.database import ComposePostgres
from gonogo.stacks.compose.program import Compose
from gonogo.stacks.compose.project import Project, Reference, read_project
from gonogo.stacks.compose.stack import ComposeStack
from gonogo.stacks.docker.build import start_service
from gonogo.stacks.docker.site import DockerSite
from gonogo.stacks.interfaces import StackRequest
from gonogo.stacks.order import dependencies, start_order
from gonogo.stacks.services import ComposeKind, Declared
from gonogo.stacks.services.postgres import references_of
from gonogo.stacks.started import Started

DATABASE = "postgres"


def start_project(
    request: StackRequest, site: DockerSite, declared: Mapping[str, Declared], end: Callable[[], None]
) -> ComposeStack:
    """Start the stack's Compose project, and what gonogo starts beside it. Raises StackError, UsageError."""
    assert request.spec.compose is not None
    own = _beside(declared)
    compose = Compose(request.run)
    try:
        started = {name: _own(declared[name], site) for name in start_order(declared) if name in own}
        project = _running(request.spec.compose, request, site, declared, compose)
        started |= _taken_in_hand(project, request, declared)
        return ComposeStack(request=request, site=site, project=project, declared=declared, started=started, end=end)
    except MissingCapability as error:
        compose.close()
        raise UnsupportedStack(str(error)) from error
    except BaseException:
        compose.close()
        raise


def _beside(declared: Mapping[str, Declared]) -> set[str]:
    """The services that are not of the project. They start first: those of the project may refer to them."""
    own = {name for name, one in declared.items() if not one.compose}
    needed = dependencies(declared)
    for name in own:
        if declared[name].kind_name == DATABASE:
            raise UsageError(f"services.{name}: beside a Compose project gonogo starts no database: say compose:")
        if foreign := needed[name] - own:
            raise UsageError(
                f"services.{name}: refers to {', '.join(sorted(foreign))}, which Compose starts later: only services of"
                " the Compose file can"
            )
    for name, one in declared.items():
        if one.compose and (foreign := needed[name] - own):
            raise UsageError(
                f"services.{name}: refers to {', '.join(sorted(foreign))}: services of one Compose project call each"
                " other as they do in the Compose file"
            )
        if one.compose and not isinstance(one.kind, ComposeKind):
            raise UnsupportedStack(f"services.{name}: a {one.kind_name} cannot be a service of a Compose project")
    return own


def _own(one: Declared, site: DockerSite) -> Started:
    started = start_service(one, site)
    site.references.add(one.name, started.references)
    return started


def _running(
    spec: ComposeSpec, request: StackRequest, site: DockerSite, declared: Mapping[str, Declared], compose: Compose
) -> Project:
    named = {name: Reference.parse(name, one.compose) for name, one in declared.items() if one.compose}
    site.run.progress(f"Compose project of {', '.join(spec.file)}")
    given = {
        reference.service: getattr(declared[name].parameters, "environment", {}) for name, reference in named.items()
    }
    project = read_project(spec, named, given, folder=request.spec_path.parent, site=site, compose=compose)
    edited = _edited(request, declared, project)
    project.prepare(request.spec.stack, edited, request.deadline)
    reached = {}
    for name in named:
        kind = declared[name].kind
        assert isinstance(kind, ComposeKind)
        reached[name] = kind.reached(declared[name], project.written[name], site)
        project.ports[name] = reached[name].port or 0
    project.up(reached, edited, request.deadline)
    return project


def _unknown_roles(started: Mapping[str, Started]) -> str:
    """What the project's databases lack, so that it cannot start, with gonogo or without; empty where nothing is."""
    with suppress(psycopg.Error):
        servers = [one.service for one in started.values() if isinstance(one.service, ComposePostgres)]
        return "\n".join(sentence for server in servers for sentence in server.unknown_roles())
    return ""


def _edited(request: StackRequest, declared: Mapping[str, Declared], project: Project) -> dict[Path, Path]:
    """The folder that a changed copy of the application's source stands for. Raises MissingCapability."""
    if request.application_source is None:
        return {}
    name = request.spec.contract.service
    source = getattr(declared[name].parameters, "source", None) if name in declared else None
    if not source:
        raise MissingCapability("the stack file names no source: of the application")
    folder = declared[name].path(source)
    services = project.model["services"].values()
    contexts = {str((one.get("build") or {}).get("context")) for one in services}
    mounts = {str(mount.get("source")) for one in services for mount in one.get("volumes") or ()}
    if str(folder) not in contexts | mounts:
        raise MissingCapability(f"a changed source is run only where {source} is what Compose builds or mounts")
    return {folder: request.application_source}


def _taken_in_hand(project: Project, request: StackRequest, declared: Mapping[str, Declared]) -> dict[str, Started]:
    """Every service that the stack file names, answering; databases first."""
    application = project.named.get(request.spec.contract.service)
    started: dict[str, Started] = {}
    for name in sorted(project.named, key=lambda one: declared[one].kind_name != DATABASE):
        kind = declared[name].kind
        assert isinstance(kind, ComposeKind)
        member = project.member(name, application.service if application else "")
        try:
            started[name] = kind.compose(declared[name], member)
        except StackError as error:
            if not (found := _unknown_roles(started)):
                raise
            raise StackError(f"{error}\n{found}") from error
    project.stay_dead(request.deadline)
    project.judge()
    for name, one in started.items():
        if isinstance(one.service, ComposePostgres):
            one.service.find_owner()
            started[name] = replace(one, outside=references_of([one.service]))
    return started
