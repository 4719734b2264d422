"""The services of a stack file that runs the Compose project itself: only which one is what."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from gonogo.engine.init.compose import ComposeProject, ComposeService, env_file_values
from gonogo.engine.init.recognise import Role, recognise, the_one
from gonogo.engine.init.render import pair
from gonogo.engine.init.services import Services

STUB = "llm"
REQUIRED = re.compile(r"(?<!\$)\$\{(\w+):?\?")  # ${NAME:?what is wrong}
ASKS_A_MODEL = {"OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE"}


def services_as_is(project: ComposeProject, *, application: str | None, ready: str) -> Services:
    """The services. Raises UsageError where nothing looks like the application."""
    roles = recognise(project, application)
    made = Services()
    app = the_one(project, roles, Role.APPLICATION)
    assert app is not None  # recognise raises otherwise
    made.found = [f"{name}: {role.value}" for name, role in roles.items()]
    made.health_path = app.health_path
    made.host_port = next((host for host, _ in app.ports if host), None)
    named = (
        ("db", "postgres", Role.POSTGRES),
        ("cache", "redis", Role.REDIS),
        ("vectors", "chroma", Role.CHROMA),
    )
    for key, kind, role in named:
        if one := the_one(project, roles, role):
            made.lines.append(pair(key, {"kind": kind, "compose": one.name}, indent=2))
            made.has_database = made.has_database or role is Role.POSTGRES
    asks = ASKS_A_MODEL & set(app.environment)
    if asks:
        made.lines.append(pair(STUB, {"kind": "openai_stub"}, indent=2, remark="no real model is asked"))
    made.lines.append(pair("app", _application(app, ready or app.health_path, bool(asks)), indent=2))
    made.todo += _todo(project, app, made)
    made.translation.needs.update(dict.fromkeys(_required(project.path)))
    return made


def _required(compose: Path) -> list[str]:
    """The variables without which Compose does not read the file, and which `.env` beside it does not give."""
    given = env_file_values(compose.with_name(".env")) or {}
    names = REQUIRED.findall(compose.read_text(encoding="utf-8"))
    return [name for name in dict.fromkeys(names) if name not in given]


def compose_line(project: ComposeProject, out: Path) -> str:
    """`compose:` at the top of the stack file."""
    return pair("compose", os.path.relpath(project.path.absolute(), out.absolute().parent))


def _application(app: ComposeService, ready: str, asks_a_model: bool) -> dict[str, Any]:
    keys: dict[str, Any] = {"kind": "http", "compose": app.name}
    if ready:
        keys["ready"] = ready
    if asks_a_model:
        keys["environment"] = {"OPENAI_BASE_URL": f"${{{STUB}.url}}/v1"}
    return keys


def _todo(project: ComposeProject, app: ComposeService, made: Services) -> list[str]:
    todo = ["keys of tenants: ${app.environment.NAME} is what the Compose project gives its application as NAME"]
    if not made.has_database:
        todo.append("there is no PostgreSQL in the Compose file: say which service it is, if it is one")
    if app.profiles:
        todo.append(f"{app.name} has a profile: compose: {{file: …, profiles: [{', '.join(app.profiles)}]}}")
    beyond = [name for name, one in project.services.items() if any("docker.sock" in each for each in one.volumes)]
    if beyond:
        todo.append(f"{', '.join(beyond)} has the Docker engine's socket: compose: {{file: …, without: {beyond}}}")
    return todo
