"""Services beside the application: Chroma, and as plain containers whatever else it needs."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gonogo.engine.init.compose import ComposeProject, ComposeService
from gonogo.engine.init.environment import Translation
from gonogo.engine.init.recognise import Role, with_defaults
from gonogo.engine.init.render import comment, flow, pair
from gonogo.engine.init.secrets import holds_secret

CHROMA_NAME = "vectors"
RESERVED = {"db", "cache", "llm", "app", CHROMA_NAME}
PORTS = {Role.QDRANT: 6333, Role.CHROMA: 8000}
READY = {Role.QDRANT: "/readyz"}
ONCE = re.compile(r"(?i)\b(migrate|migrations?|alembic|seed|init|setup)\b")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")  # that a reference can name
ONE_OF_A_KIND = {Role.POSTGRES, Role.REDIS, Role.CHROMA}


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """A service beside the application, and what the stack file calls it. Without a port nobody speaks to it."""

    service: ComposeService
    role: Role
    called: str
    port: int | None


def beside_of(
    project: ComposeProject, roles: Mapping[str, Role], written: Collection[str], app: ComposeService
) -> tuple[list[Beside], dict[str, str]]:
    """What becomes a service of its own; and of what does not, by its name in Compose, why."""
    found: list[Beside] = []
    left_out: dict[str, str] = {}
    for service in project.services.values():
        if service.name in written:
            continue
        role = roles[service.name]
        second = role in {one.role for one in found} or role in {roles[name] for name in written}
        reason = f"a second {role.value}" if role in ONE_OF_A_KIND and second else _why_not(service, app)
        if reason:
            left_out[service.name] = reason
            continue
        called = CHROMA_NAME if role is Role.CHROMA else service.name
        if role is not Role.CHROMA and called in RESERVED:
            called = f"{called}-of-compose"
        port = next((port for _, port in service.ports), PORTS.get(role))
        found.append(Beside(service=service, role=role, called=called, port=port))
    return found, left_out


def _why_not(service: ComposeService, app: ComposeService) -> str | None:
    """Why a container is not started."""
    told = " ".join(text or "" for text in service.environment.values())
    if service.profiles:
        return f"in Compose it starts only with the profile {', '.join(service.profiles)}"
    if app.name in service.depends_on or re.search(rf"//{re.escape(app.name)}\b", told):
        return "it stands before the application, to which gonogo speaks itself"
    if ONCE.search(service.name) or ONCE.search(" ".join(service.command)):
        return "it runs once: see migrate: and seed: of app"
    if not NAME.fullmatch(service.name):
        return "a stack file cannot refer to such a name"
    if service.entrypoint:
        return "it has an entrypoint, which a stack file cannot say"
    source = with_defaults(service.build or service.image)
    if not source or "://" in source:
        return "its image holds a variable or a URL"
    return "its command holds a secret" if holds_secret(service.command) else None


def beside_lines(one: Beside, project: ComposeProject, translation: Translation, out: Path) -> list[str]:
    """Its lines in the stack file. Where it cannot run it is left out, and its references are empty."""
    service = one.service
    if one.role is Role.CHROMA:
        keys: dict[str, Any] = {"kind": "chroma", "image": with_defaults(service.image), "optional": True}
        return [pair(one.called, {key: value for key, value in keys.items() if value}, indent=2)]
    lines = [f"  {flow(one.called)}:", pair("kind", "container", indent=4)]
    if service.build:
        folder = (project.path.absolute().parent / (with_defaults(service.build) or ".")).resolve()
        lines.append(pair("build", os.path.relpath(folder, out.absolute().parent.resolve()), indent=4))
        if dockerfile := with_defaults(service.dockerfile):
            lines.append(pair("dockerfile", dockerfile, indent=4))
    else:
        lines.append(pair("image", with_defaults(service.image), indent=4))
    if service.command:
        lines.append(pair("command", [with_defaults(word) or word for word in service.command], indent=4))
    if one.port:
        lines.append(pair("port", one.port, indent=4, remark="that it listens on"))
    if ready := READY.get(one.role, "") or (service.health_path if one.port else ""):
        lines.append(pair("ready", ready, indent=4))
    lines.append(pair("optional", True, indent=4, remark="docker only: elsewhere its references are empty"))
    return [*lines, *environment_lines(translation)]


def environment_lines(translation: Translation) -> list[str]:
    """`environment:` of a service."""
    if not translation.variables:
        return []
    lines = ["    environment:"]
    for one in translation.variables:
        if one.value is None:
            lines += comment(f"{one.name}: left out, {one.remark}", indent=6)
        else:
            lines.append(pair(one.name, one.value, indent=6, remark=one.remark))
    return lines
