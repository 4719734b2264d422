"""Any service that speaks HTTP: the application under verification."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from gonogo.core.errors import MissingCapability, StackError, UsageError
from gonogo.spec.base import Seconds, Spec
from gonogo.stacks.compose.member import Member, Written, addresses, only
from gonogo.stacks.compose.rewrite import Reached
from gonogo.stacks.compose.web import ComposeHttp
from gonogo.stacks.docker.box import Definition
from gonogo.stacks.docker.container import UNLIMITED, ContainerSpec
from gonogo.stacks.docker.images import Image
from gonogo.stacks.docker.site import DockerSite
from gonogo.stacks.docker.web import DockerHttp, Life
from gonogo.stacks.external.site import ExternalSite
from gonogo.stacks.external.web import attach_http
from gonogo.stacks.local.site import Site
from gonogo.stacks.local.web import LocalHttp, Program
from gonogo.stacks.services import Declared, Text
from gonogo.stacks.started import Started

PORT = 8000  # of an image that exposes none
# Keys that count with compose:
IN_COMPOSE = ("ready", "start_timeout", "stop_grace", "environment", "source", "seed", "migrate", "downgrade")


class SeedSpec(Spec):
    """How the database is filled once, before the first start; the result is kept as a template.

    `files` and environment `variables` decide, with the command, when it must run again. Generated secrets differ in
    every run: a seed must not store them.
    """

    command: tuple[str, ...] = Field(min_length=1)
    files: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    timeout: Seconds = 600.0


class HttpParameters(Spec):
    """Keys of an http service."""

    image: str | None = None
    build: str | None = None  # docker: folder that is built
    dockerfile: str = "Dockerfile"  # docker: in that folder
    command: tuple[str, ...] = ()  # told its PORT and HOST; embedded: run in workdir, docker: instead of the image's
    workdir: str = "."
    source: str | None = None
    defects: str | None = None  # selftest: a package of workdir that takes the place of the command's; MODULE_defects
    migrate: tuple[str, ...] = ()  # before the seed; without it the service is started once to migrate
    downgrade: tuple[str, ...] = ()  # takes the newest migration back
    seed: SeedSpec | None = None
    ready: str | None = None  # a path that answers 200 when it is ready; without it any answer will do
    start_timeout: Seconds = 60.0
    stop_grace: Seconds = 10.0
    environment: dict[str, Text] = Field(default_factory=dict)
    container: ContainerSpec = UNLIMITED  # docker
    url: str | None = None  # external


class HttpKind:
    """A service kind."""

    parameters = HttpParameters

    def embedded(self, declared: Declared, site: Site) -> Started:
        """Start it as a child process; returns when it is ready."""
        service = local_service(declared, site)
        service.start(site.deadline)
        return Started(
            service=service, close=service.close, references={"url": service.url, "port": str(service.port)}, image=""
        )

    def docker(self, declared: Declared, site: DockerSite) -> Started:
        """Start it in a container; returns when it is ready."""
        service = container_service(declared, site)
        service.start(site.deadline)
        return Started(
            service=service, close=service.close, references=service.inside, outside=service.outside,
            image=application_image(declared, site).evidence,
        )  # fmt: skip

    def reached(self, declared: Declared, written: Written, site: DockerSite) -> Reached:
        """Its port, and the variables of the stack file on top of its own."""
        only(declared.name, declared.parameters, IN_COMPOSE)
        return Reached(port=written.port(PORT), environment=environment_of(declared, site))

    def compose(self, declared: Declared, member: Member) -> Started:
        """Wait until it is ready; then, the first time, fill the database by the seed's command inside of it."""
        parameters: HttpParameters = declared.parameters
        given = parameters.model_fields_set
        life = Life(
            ready=parameters.ready, start_seconds=parameters.start_timeout,
            stop_grace_seconds=parameters.stop_grace if "stop_grace" in given else member.stop_grace_seconds,
        )  # fmt: skip
        source = source_of(declared, member.site) or member.written.folder
        service = ComposeHttp(member, kind=declared.kind_name, life=life, asks_ready="ready" in given, source=source)
        service.start(member.site.deadline)
        if parameters.seed and member.name == declared.name:
            service.fill(parameters.seed.command, member.site.deadline.within(parameters.seed.timeout))
        references, outside = addresses(member, "http")
        return Started(
            service=service, close=lambda: None, references=references, outside=outside,
            image=member.written.image.evidence,
        )  # fmt: skip

    def external(self, declared: Declared, site: ExternalSite) -> Started:
        """Attach to `url`."""
        parameters: HttpParameters = declared.parameters
        if not parameters.url:
            raise UsageError(f"services.{declared.name}: the external runtime needs url:")
        source = declared.path(parameters.source) if parameters.source else None
        return attach_http(declared.name, site.resolve(parameters.url), source, parameters.ready, site.hooks)


SERVICE = HttpKind()


def local_service(declared: Declared, site: Site, *, name: str | None = None) -> LocalHttp:
    """The service of a declaration, not started."""
    parameters: HttpParameters = declared.parameters
    if not parameters.command:
        raise StackError(f"services.{declared.name}: the embedded runtime needs command:")
    program = Program(
        command=parameters.command,
        folder=working_folder(declared, site),
        environment=local_environment(declared, site),
        ready=parameters.ready,
        start_seconds=parameters.start_timeout,
        stop_grace_seconds=parameters.stop_grace,
    )
    return LocalHttp(
        name=name or declared.name,
        kind=declared.kind_name,
        program=program,
        site=site,
        source=source_of(declared, site),
    )


def container_service(declared: Declared, site: DockerSite, *, name: str | None = None) -> DockerHttp:
    """The service of a declaration in a container, not started."""
    parameters: HttpParameters = declared.parameters
    image = application_image(declared, site)
    port = image.ports[0] if image.ports else PORT
    command = [part.replace("{port}", str(port)) for part in parameters.command]
    definition = Definition(
        service=name or declared.name, image=image.id, port=port, alias=name or declared.name,
        command=command if command and tuple(command) != image.command else None,
        environment=environment_of(declared, site), mounts=packages_beside(declared, site, command, image),
        container=parameters.container, folder=declared.folder,
    )  # fmt: skip
    life = Life(
        ready=parameters.ready, start_seconds=parameters.start_timeout, stop_grace_seconds=parameters.stop_grace
    )
    return DockerHttp(
        name=name or declared.name, kind=declared.kind_name, site=site, definition=definition, life=life,
        source=source_of(declared, site),
    )  # fmt: skip


def application_image(declared: Declared, site: DockerSite) -> Image:
    """The service's image: the one it names, or built from its folder (the run's edited copy of it)."""
    parameters: HttpParameters = declared.parameters
    changed = site.application_source if parameters.source else None
    if parameters.image and changed is None:
        return site.images.find(parameters.image, site.deadline, parameters.container.pull)
    if not parameters.build:
        what = f"{declared.name}: the docker runtime needs image:, or build: for a changed source"
        raise MissingCapability(what) if parameters.image else StackError(f"services.{what}")
    folder = declared.path(parameters.build)
    if changed is None:
        return site.images.build(
            folder, name=declared.name, scratch=site.scratch, deadline=site.deadline,
            dockerfile=parameters.dockerfile, pull=parameters.container.pull,
        )  # fmt: skip
    if declared.path(parameters.source or "") != folder:
        raise MissingCapability(f"{declared.name}: a changed source is built only where build: and source: are one")
    return site.images.build(
        changed, name=declared.name, scratch=site.scratch, deadline=site.deadline,
        only_for_run=site.run.run_id,
    )  # fmt: skip


def packages_beside(
    declared: Declared, site: DockerSite, command: Sequence[str], image: Image
) -> dict[str, tuple[str, str]]:
    """The Python package that a command names and that lies in workdir but not in the image: mounted beside its own.

    A package that breaks another one on purpose (NAME_defects) brings that one with it, and others of its kind.
    """
    if tuple(command) == image.command or "-m" not in command[:-1]:
        return {}
    name = command[command.index("-m") + 1].partition(".")[0]
    mounts: dict[str, tuple[str, str]] = {}
    beside = sorted(one.name for one in declared.path(declared.parameters.workdir).glob("*_defects"))
    for package in (name, name.removesuffix("_defects"), *beside) if name.endswith("_defects") else (name,):
        mounts |= _package_beside(declared, site, package, image)
    return mounts


def _package_beside(declared: Declared, site: DockerSite, name: str, image: Image) -> dict[str, tuple[str, str]]:
    parameters: HttpParameters = declared.parameters
    package = declared.path(parameters.workdir) / name
    if not package.is_dir() or (parameters.build and package == declared.path(parameters.build)):
        return {}
    copy = site.scratch / f"{declared.name}.beside" / name
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    for path in (copy.parent, copy, *copy.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)  # the image's user is not ours
    return {str(copy): (f"{image.folder.rstrip('/')}/{name}", "ro")}


def environment_of(declared: Declared, site: Site | DockerSite) -> dict[str, str]:
    """The service's environment with its references resolved."""
    resolved: dict[str, str] = site.references.resolve(
        declared.parameters.environment, f"services.{declared.name}.environment"
    )
    return resolved


def local_environment(declared: Declared, site: Site) -> dict[str, str]:
    """Its environment as a process of this host: an edited copy of the source finds what lies beside the original."""
    environment = environment_of(declared, site)
    if site.application_source is not None:
        environment.setdefault("PYTHONPATH", str(declared.path(declared.parameters.workdir)))
    return environment


def source_of(declared: Declared, site: Site | DockerSite) -> Path | None:
    """Where its source tree is: the run's edited copy, else the stack file's."""
    if site.application_source is not None:
        return site.application_source
    source = declared.parameters.source
    return declared.path(source) if source else None


def working_folder(declared: Declared, site: Site) -> Path:
    """The folder its commands run in. An edited copy of the source stands where the source did."""
    parameters: HttpParameters = declared.parameters
    folder = declared.path(parameters.workdir)
    if site.application_source is not None and parameters.source:
        source = declared.path(parameters.source)
        if not source.is_relative_to(folder):
            raise MissingCapability(f"{declared.name}: a changed source is run only where source lies in workdir")
        depth = len(source.relative_to(folder).parts)
        folder = (site.application_source, *site.application_source.parents)[depth]
    if not folder.is_dir():
        raise StackError(f"services.{declared.name}: workdir {folder} is not a folder")
    return folder
