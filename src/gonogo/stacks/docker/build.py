"""Building the template of a stack: a new cluster, migrated and seeded by containers of the application's own image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

from gonogo.core.deadline import Deadline
from gonogo.core.errors import DeadlineExceeded, MissingCapability, StackError
from gonogo.stacks.docker.box import Definition, run_to_end
from gonogo.stacks.docker.server import DockerPostgres
from gonogo.stacks.docker.site import DockerSite, Template
from gonogo.stacks.docker.templates import Filled, VolumeTemplates
from gonogo.stacks.interfaces import Role
from gonogo.stacks.local.build import MIGRATE_SECONDS, POSTGRES, TAIL_LINES, filling, seeding, without
from gonogo.stacks.local.templates import held, key_of
from gonogo.stacks.order import needed_by
from gonogo.stacks.references import References
from gonogo.stacks.services import Declared, DockerKind, KeepingKind
from gonogo.stacks.services.http import HttpParameters, application_image, environment_of, packages_beside, source_of
from gonogo.stacks.started import Started


@runtime_checkable
class KeepingContainer(Filled, Protocol):
    """A service with data of its own, in a volume, that belong into the template."""

    def keep(self, deadline: Deadline) -> None:
        """Stop it: its volume holds all of its data then."""


def start_service(one: Declared, site: DockerSite) -> Started:
    """Start one service. Raises MissingCapability when this runtime cannot, StackError when it fails."""
    if not isinstance(one.kind, DockerKind):
        raise MissingCapability(f"kind {one.kind_name} does not run on the docker runtime")
    return one.kind.docker(one, site)


def ready_template(
    declared: Mapping[str, Declared], order: list[str], site: DockerSite, templates: VolumeTemplates
) -> AbstractContextManager[Template]:
    """The stack's template, there until the end, built when there is none."""
    key = _key(declared, site)
    return held(templates, key, lambda: _build(key, declared, order, site, templates))


def _key(declared: Mapping[str, Declared], site: DockerSite) -> str:
    """Changes with everything that decides what the template holds."""
    parts: list[Any] = []
    for name, one in sorted(declared.items()):
        if one.kind_name == POSTGRES:
            image = site.images.find(one.parameters.image, site.deadline)
            parts.append([name, image.id, without(one, "standbys", "image", "settings", "disk", "container")])
        elif isinstance(one.kind, KeepingKind):
            parts.append([name, site.images.find(one.parameters.image, site.deadline).id])
    for name, one in sorted(seeding(declared).items()):
        image_id = site.images.find(one.parameters.image, site.deadline).id if one.parameters.image else None
        parts.append([name, image_id, filling(one, source_of(one, site))])
    return key_of(*parts)


def _build(
    key: str, declared: Mapping[str, Declared], order: list[str], site: DockerSite, templates: VolumeTemplates
) -> None:
    """Start what the seeds need, seed, stop cleanly, keep the volumes. Its passwords are valid in no run."""
    seeds = seeding(declared)
    databases = {name for name, one in declared.items() if one.kind_name == POSTGRES}
    wanted = needed_by(databases | set(seeds), declared)
    references = References(folder=next(iter(declared.values())).folder, secret=site.run.secret)
    here = replace(site, references=references, template=None, building=True)
    with ExitStack() as cleanup:
        started: dict[str, Started] = {}
        for name in (name for name in order if name in wanted):
            if name in seeds:
                site.run.progress(f"filling the database of {name}, once")
                _fill(declared[name], here)
                references.add(name, {"url": "", "port": ""})
                continue
            started[name] = start_service(declared[name], here)
            cleanup.callback(started[name].close)
            references.add(name, started[name].references)
        servers: dict[str, Filled] = {}
        passwords: dict[str, str] = {}
        for name in databases:
            server = started[name].service
            assert isinstance(server, DockerPostgres)
            server.stop(site.deadline)
            servers[name], passwords[name] = server, server.roles[Role.ADMIN].password
        for name in started.keys() - databases:
            if isinstance(keeper := started[name].service, KeepingContainer):
                keeper.keep(site.deadline)
                servers[name], passwords[name] = keeper, ""
        templates.save(key, servers, passwords, site)


def _fill(one: Declared, site: DockerSite) -> None:
    """Migrate, by its command or by starting the service once, then seed."""
    parameters: HttpParameters = one.parameters
    if parameters.migrate:
        run_once(one, "migrate", parameters.migrate, site, MIGRATE_SECONDS)
    else:
        start_service(one, site).close()
    if parameters.seed:
        run_once(one, "seed", parameters.seed.command, site, parameters.seed.timeout)


def run_once(one: Declared, what: str, command: Sequence[str], site: DockerSite, seconds: float) -> None:
    """Run a command of the service to its end. Raises StackError with the end of its output where it fails."""
    definition = Definition(
        service=f"{one.name}-{what}",
        image=application_image(one, site).id,
        command=command,
        environment=environment_of(one, site),
        container=one.parameters.container,
        folder=one.folder,
        mounts=packages_beside(one, site, command, application_image(one, site)),
    )
    try:
        code, output = run_to_end(site, definition, site.deadline.within(seconds))
    except DeadlineExceeded:
        raise StackError(f"services.{one.name}.{what} did not end within {seconds:.0f} s") from None
    if code:
        tail = "\n".join(output.splitlines()[-TAIL_LINES:])
        raise StackError(f"services.{one.name}.{what} failed with exit code {code}\n{tail}")
