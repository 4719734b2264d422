"""The services of a stack file, from those of a Compose project."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from gonogo.engine.init.beside import CHROMA_NAME, Beside, beside_lines, beside_of, environment_lines
from gonogo.engine.init.compose import ComposeProject, ComposeService, env_file_values
from gonogo.engine.init.environment import STUB_KEYS, STUB_URLS, Names, Translation, translate
from gonogo.engine.init.recognise import Role, recognise, the_one, with_defaults
from gonogo.engine.init.render import comment, pair
from gonogo.engine.init.secrets import holds_secret, looks_secret

STACK_NAMES = {Role.POSTGRES: "db", Role.REDIS: "cache", Role.APPLICATION: "app", Role.CHROMA: CHROMA_NAME}
STUB = "llm"
APP_URL = "${env.APP_URL}"
PLAIN_POSTGRES = re.compile(r"(docker\.io/)?(library/)?postgres(:[\w.-]+)?")  # its image has no pgvector
INITIAL_SQL = "/docker-entrypoint-initdb.d"


@dataclass(slots=True, kw_only=True)
class Services:
    """Lines of `services:`, what was found, and what a person has to see to."""

    lines: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    todo: list[str] = field(default_factory=list)
    translation: Translation = field(default_factory=Translation)
    has_database: bool = False
    health_path: str = ""
    host_port: int | None = None  # where the application is published


def services_of(project: ComposeProject, *, out: Path, application: str | None, ready: str) -> Services:
    """All services. `out` is where the stack file will lie; `ready` the path of a readiness route, if one is known."""
    roles = recognise(project, application)
    made = Services()
    app = the_one(project, roles, Role.APPLICATION)
    database, redis = the_one(project, roles, Role.POSTGRES), the_one(project, roles, Role.REDIS)
    assert app is not None  # recognise raises otherwise
    made.found = [_found(project.services[name], role) for name, role in roles.items()]
    made.host_port = next((host for host, _ in app.ports if host), None)
    made.health_path, made.has_database = app.health_path, database is not None
    written = {one.name for one in (app, database, redis) if one}
    beside, left_out = beside_of(project, roles, written, app)
    names = _names(app, database, redis, beside, left_out, project)
    made.translation = _translated(app, names, project, made)
    if database:
        _postgres(database, made)
    else:
        made.todo.append("there is no PostgreSQL in the Compose file: add db, or use --external with what already runs")
    if redis:
        image = with_defaults(redis.image)
        made.lines.append(
            pair("cache", {"kind": "redis", **({"image": image} if image else {}), "optional": True}, indent=2)
        )
        made.todo.append("cache is optional: where no Redis can run, its references are empty")
    if names.stub:
        made.lines += comment("A stand-in: no real model is asked, nothing is spent.", indent=2)
        made.lines.append(pair(names.stub, {"kind": "openai_stub"}, indent=2))
    for one in beside:
        _beside(one, names, project, made, out)
    _application(app, project, made, out=out, ready=ready)
    for name, reason in left_out.items():
        made.lines += comment(f"{name} ({roles[name].value}) is not started: {reason}.", indent=2)
    if project.ignored:
        made.todo.append(f"{', '.join(project.ignored)} of the Compose file is not followed")
    return made


def _found(service: ComposeService, role: Role) -> str:
    name = STACK_NAMES.get(role)
    became = f", here {name}" if name and name != service.name else ""
    profiles = f", only with the profile {' or '.join(service.profiles)}" if service.profiles else ""
    return f"{service.name}: {role.value}{became}{profiles}"


def _postgres(service: ComposeService, made: Services) -> None:
    lines = made.lines
    lines += ["  db:", pair("kind", "postgres", indent=4)]
    image = with_defaults(service.image)
    if image:
        lines.append(pair("image", image, indent=4, remark="docker; the embedded runtime brings its own PostgreSQL"))
    else:
        made.todo.append(f"services.db.image: {service.name} is built or has no fixed image; name one for docker")
    database = with_defaults(service.environment.get("POSTGRES_DB") or service.environment.get("POSTGRES_USER") or "")
    if database and not looks_secret(database):
        lines.append(pair("database", database, indent=4))
    if made.translation.roles:
        remark = "their logins in Compose; both are made here, and the application's owns nothing"
        lines.append(pair("roles", dict(sorted(made.translation.roles.items(), reverse=True)), indent=4, remark=remark))
    if not PLAIN_POSTGRES.fullmatch(image or ""):
        lines.append(pair("extensions", ["vector"], indent=4, remark="a guess; every extension that must be there"))
    settings = dict(
        setting.split("=", 1)
        for flag, setting in zip(service.command, service.command[1:], strict=False)
        if flag == "-c" and "=" in setting and not looks_secret(setting) and "$" not in setting
    )
    if settings:
        lines.append(pair("settings", settings, indent=4))
    if any(INITIAL_SQL in volume for volume in service.volumes):
        made.todo.append(
            f"{service.name} runs files of {INITIAL_SQL} at its first start: gonogo does not; see migrate:"
        )


def _names(  # noqa: PLR0917 - private: the project's parts, as they were told apart
    app: ComposeService, database: ComposeService | None, redis: ComposeService | None, beside: Sequence[Beside],
    left_out: Collection[str], project: ComposeProject,
) -> Names:  # fmt: skip
    """What every service is called, in Compose and here."""
    environment, _ = _environment(app, project, Services())
    return Names(
        database=database.name if database else None,
        redis=redis.name if redis else None,
        beside={one.service.name: one.called for one in beside if one.port},
        others=frozenset([*left_out, *(one.service.name for one in beside if not one.port)]),
        superuser=with_defaults((database.environment.get("POSTGRES_USER") if database else "") or "postgres") or "",
        stub=STUB if (STUB_KEYS | STUB_URLS) & environment.keys() else None,
    )


def _translated(service: ComposeService, names: Names, project: ComposeProject, made: Services) -> Translation:
    """A service's environment in the stack's references."""
    environment, hidden = _environment(service, project, made)
    return translate(environment, names, values_secret=hidden)


def _beside(one: Beside, names: Names, project: ComposeProject, made: Services, out: Path) -> None:
    """A service beside the application; it is asked for what the application is, and gets no stand-in of its own."""
    own = names if (STUB_KEYS | STUB_URLS) & one.service.environment.keys() else replace(names, stub=None)
    translation = _translated(one.service, own, project, made)
    for name, default in translation.needs.items():
        made.translation.needs.setdefault(name, default)
    made.translation.secrets += [name for name in translation.secrets if name not in made.translation.secrets]
    made.lines += beside_lines(one, project, translation, out)
    if one.service.volumes and one.role is not Role.CHROMA:
        made.todo.append(f"{one.called} starts empty: volumes of the Compose file are not followed")


def _environment(
    app: ComposeService, project: ComposeProject, made: Services
) -> tuple[dict[str, str | None], frozenset[str]]:
    """The application's variables, and which come from env files: those are known by name, never copied."""
    environment: dict[str, str | None] = {}
    for name in app.env_files:
        values = env_file_values(project.path.parent / name)
        if values is None:
            made.todo.append(f"env_file {name} could not be read: add its variables to environment of {app.name}")
        environment.update(values or {})
    hidden = frozenset(environment.keys() - app.environment.keys())
    return {**environment, **app.environment}, hidden


def _application(app: ComposeService, project: ComposeProject, made: Services, *, out: Path, ready: str) -> None:
    lines = made.lines
    lines += ["  app:", pair("kind", "http", indent=4)]
    _image_and_source(app, project, made, out)
    if app.entrypoint:
        made.todo.append("services.app.command begins with Compose's entrypoint: on docker the image's own comes first")
    _command(app, made)
    path = ready or app.health_path
    if path:
        lines.append(pair("ready", path, indent=4))
    else:
        made.todo.append(
            "services.app.ready: a path that answers 200 when it is ready; until you say, any answer will do"
        )
    if app.stop_grace_seconds:
        lines.append(pair("stop_grace", f"{app.stop_grace_seconds}s", indent=4))
    _write_environment(made)
    if app.ports and 8000 not in {port for _, port in app.ports} and not app.build:
        made.todo.append(
            f"in Compose it listens on {app.ports[0][1]}: docker takes the port that the image exposes, else 8000"
        )


def _command(app: ComposeService, made: Services) -> None:
    """The command, listening on the port that gonogo chooses where the one of Compose can be seen in it."""
    command = with_defaults("\0".join((*app.entrypoint, *app.command)))
    if not command or holds_secret(command.split("\0")):
        text = "command: [python, -m, yours]  (the embedded runtime needs it; docker: the image's own)"
        made.lines += comment(text, indent=4)
        reason = "holds a secret or a variable without default" if app.command else "is the image's own"
        made.todo.append(f"services.app.command {reason}: write it for the embedded runtime")
        return
    words = with_port(command.split("\0"), {port for _, port in app.ports})
    told = any("{port}" in word for word in words)
    remark = "gonogo chooses the port" if told else "gonogo tells HOST and PORT, or write {port}"
    made.lines.append(pair("command", words, indent=4, remark=remark))
    if not told:
        made.todo.append("services.app.command must listen on the PORT that it is told (embedded), or on {port}")


def with_port(words: Sequence[str], ports: Collection[int]) -> list[str]:
    """A command with `{port}` where it names one of the ports.

    >>> with_port(["uvicorn", "--port", "8080", "--workers", "8080"], {8080})
    ['uvicorn', '--port', '{port}', '--workers', '8080']
    >>> with_port(["gunicorn", "--bind=0.0.0.0:8080"], {8080})
    ['gunicorn', '--bind=0.0.0.0:{port}']
    """
    made = []
    for before, word in zip(["", *words], words, strict=False):
        own = next(
            (str(port) for port in ports if word == str(port) or word.endswith((f":{port}", f"port={port}"))), None
        )
        named = word != own or before in {"-p", "-P"} or "port" in before.lower()
        made.append(word.removesuffix(own) + "{port}" if own and named else word)
    return made


def _write_environment(made: Services) -> None:
    made.lines += environment_lines(made.translation)
    if any(
        "${db.url.admin}" in (one.value or "") or ".admin}" in (one.value or "") for one in made.translation.variables
    ):
        made.todo.append(
            "the application connects as the server's superuser, as in Compose: row-level security does not bind it. "
            "Give it ${db.url.application}, and migrations ${db.url.owner}"
        )


def _image_and_source(app: ComposeService, project: ComposeProject, made: Services, out: Path) -> None:
    lines = made.lines
    context = with_defaults(app.build)
    if context and "://" not in context:
        folder = (project.path.absolute().parent / context).resolve()
        relative = os.path.relpath(folder, out.absolute().parent.resolve())
        lines.append(pair("build", relative, indent=4, remark="docker"))
        dockerfile = with_defaults(app.dockerfile) or ""
        if dockerfile:
            lines.append(pair("dockerfile", dockerfile, indent=4))
        lines.append(pair("workdir", relative, indent=4, remark="embedded: where command runs"))
        beside = Path(dockerfile).parent  # of a context that holds several programs, this one's
        source = Path(relative) / beside if any((folder / beside).glob("*.py")) else Path(relative)
        lines.append(pair("source", str(source), indent=4, remark="for the checks that read it"))
        if app.build_extras:
            made.todo.append(f"build has {', '.join(app.build_extras)}, which a stack file cannot say")
    elif image := with_defaults(app.image):
        lines.append(pair("image", image, indent=4, remark="docker"))
    else:
        made.todo.append(
            "services.app: write image: or build:, for docker; the Compose file's holds a variable or a URL"
        )


def external_services(project: Services | None, url: str | None) -> Mapping[str, dict[str, str]]:
    """Services of something that already runs: a connection string and a URL."""
    published = f"http://127.0.0.1:{project.host_port}" if project and project.host_port else APP_URL
    safe = None if url and looks_secret(url) else url
    address = safe or (APP_URL if url else published)
    return {"db": {"kind": "postgres", "dsn": "${env.DSN}"}, "app": {"kind": "http", "url": address}}
