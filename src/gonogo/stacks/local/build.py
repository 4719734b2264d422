"""Building the template of a stack: clusters initialised, migrated and seeded once, then stopped cleanly."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from gonogo.core.deadline import Deadline
from gonogo.core.errors import DeadlineExceeded, MissingCapability, StackError
from gonogo.stacks.interfaces import Role
from gonogo.stacks.local.binaries import find_binaries
from gonogo.stacks.local.processes import kill_tree
from gonogo.stacks.local.server import LocalPostgres
from gonogo.stacks.local.site import Site
from gonogo.stacks.local.spawner import executable, minimal_environment
from gonogo.stacks.local.templates import Templates, content_hash, held, key_of
from gonogo.stacks.order import needed_by
from gonogo.stacks.references import References
from gonogo.stacks.services import Declared, EmbeddedKind, KeepingKind
from gonogo.stacks.services.http import HttpParameters, local_environment, source_of, working_folder
from gonogo.stacks.started import Started

POSTGRES = "postgres"
MIGRATE_SECONDS = 300.0
POLL_SECONDS = 0.01
TAIL_LINES = 15


@runtime_checkable
class KeepingService(Protocol):
    """A service with data of its own that belong into the template."""

    def keep(self, deadline: Deadline) -> Path:
        """Stop it; returns the folder of its data."""


def seeding(declared: Mapping[str, Declared]) -> dict[str, Declared]:
    """The http services that fill the databases."""
    return {
        name: one
        for name, one in declared.items()
        if isinstance(one.parameters, HttpParameters) and (one.parameters.seed or one.parameters.migrate)
    }


def template_key(declared: Mapping[str, Declared], site: Site) -> str:
    """Changes with everything that decides what the template holds."""
    parts: list[Any] = [site.account.uid]
    for name, one in sorted(declared.items()):
        if one.kind_name == POSTGRES:
            bindir = str(one.path(one.parameters.bindir)) if one.parameters.bindir else None
            version = find_binaries(bindir, site.account).version
            parts.append([name, version, without(one, "standbys", "image", "settings", "disk", "container")])
        elif isinstance(one.kind, KeepingKind):
            parts.append([name, one.kind.content(one)])
    for name, one in sorted(seeding(declared).items()):
        parts.append([name, filling(one, source_of(one, site))])
    return key_of(*parts)


def filling(one: Declared, source: Path | None) -> dict[str, Any]:
    """What decides how a service fills the database: its commands, the files and variables that it names for that.

    Without a migrate command the service itself migrates, without named files its whole source counts.
    """
    parameters: HttpParameters = one.parameters
    kept = {"workdir", "migrate", "seed"} | (set() if parameters.migrate else {"command"})
    files = [one.path(file) for file in parameters.seed.files] if parameters.seed else []
    variables = parameters.seed.variables if parameters.seed else tuple(parameters.environment)
    return {
        **parameters.model_dump(mode="json", include=kept),
        "environment": {variable: parameters.environment.get(variable) for variable in variables},
        "content": content_hash(files or ([source] if source else [])),
    }


def without(one: Declared, *keys: str) -> dict[str, Any]:
    """A service's keys but some, for a template's key."""
    dumped: dict[str, Any] = one.parameters.model_dump(mode="json", exclude=set(keys))
    return dumped


def build_template(
    key: str, declared: Mapping[str, Declared], order: list[str], site: Site, templates: Templates
) -> None:
    """Start what the seeds need, seed, stop cleanly, keep the data directories.

    Passwords and generated secrets of the build are its own: nothing in a template is valid in a run.
    """
    seeds = seeding(declared)
    postgres = {name for name, one in declared.items() if one.kind_name == POSTGRES}
    wanted = needed_by(postgres | set(seeds), declared)
    references = References(folder=next(iter(declared.values())).folder, secret=site.run.secret)
    scratch = site.scratch / "template"
    scratch.mkdir()
    scratch.chmod(0o711)  # whatever the umask says: PostgreSQL's user must get through
    here = replace(site, scratch=scratch, references=references, template=None, building=True)
    with ExitStack() as cleanup:
        cleanup.callback(shutil.rmtree, scratch, ignore_errors=True)
        started: dict[str, Started] = {}
        for name in (name for name in order if name in wanted):
            if name in seeds:
                site.run.progress(f"filling the database of {name}, once")
                _fill(declared[name], here)
                references.add(name, {"url": "", "port": ""})
                continue
            if (one := _started(declared[name], here)) is None:
                references.leave_out(name)
                continue
            started[name] = one
            cleanup.callback(one.close)
            references.add(name, one.references)
        clusters: dict[str, tuple[Path, str]] = {}
        for name in postgres:
            server = started[name].service
            assert isinstance(server, LocalPostgres)
            server.stop(site.deadline)
            clusters[name] = (server.data, server.roles[Role.ADMIN].password)
        for name in started.keys() - postgres:
            if isinstance(keeper := started[name].service, KeepingService):
                clusters[name] = (keeper.keep(site.deadline), "")
        templates.save(key, clusters, site.account, run_id=site.run.run_id)


def _started(one: Declared, site: Site) -> Started | None:
    """The started service; None for an optional one that this machine cannot run."""
    try:
        return _start(one, site)
    except MissingCapability as error:
        if one.optional:
            return None
        raise StackError(f"services.{one.name}: {error}") from error


def _start(one: Declared, site: Site) -> Started:
    if not isinstance(one.kind, EmbeddedKind):
        raise StackError(f"services.{one.name}: kind {one.kind_name} does not run on the embedded runtime")
    return one.kind.embedded(one, site)


def _fill(one: Declared, site: Site) -> None:
    """Migrate, by its command or by starting the service once, then seed."""
    parameters: HttpParameters = one.parameters
    if parameters.migrate:
        run_once(one, "migrate", parameters.migrate, site, MIGRATE_SECONDS)
    else:
        _start(one, site).close()
    if parameters.seed:
        run_once(one, "seed", parameters.seed.command, site, parameters.seed.timeout)


def run_once(one: Declared, what: str, command: Sequence[str], site: Site, seconds: float) -> None:
    """Run a command of the service to its end. Raises StackError with the end of its output where it fails."""
    environment = {**minimal_environment(), **local_environment(one, site)}
    folder = working_folder(one, site)
    log = site.run.scratch / f"{one.name}-{what}.log"
    child = site.spawn(
        f"{one.name} {what}", executable(command, path=environment.get("PATH"), folder=folder),
        folder=folder, log=log, environment=environment,
    )  # fmt: skip
    try:
        site.deadline.within(seconds).poll(
            lambda: not child.running(), every_seconds=POLL_SECONDS, what=f"{one.name} {what}"
        )
    except DeadlineExceeded:
        raise StackError(f"services.{one.name}.{what} did not end within {seconds:.0f} s\n{_tail(log)}") from None
    finally:
        kill_tree(child.pid if child.running() else None)
        code = child.gone()
    if code:
        raise StackError(f"services.{one.name}.{what} failed with exit code {code}\n{_tail(log)}")


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-TAIL_LINES:])


def ready_template(
    declared: Mapping[str, Declared], order: list[str], site: Site, templates: Templates
) -> AbstractContextManager[Path]:
    """The stack's template, there until the end, built when there is none."""
    key = template_key(declared, site)
    return held(templates, key, lambda: build_template(key, declared, order, site, templates))
