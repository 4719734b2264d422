"""Which service of a Compose project is what."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum

from gonogo.core.errors import UsageError
from gonogo.engine.init.compose import ComposeProject, ComposeService

POSTGRES = re.compile(r"^(postgres|postgresql|pgvector|postgis|timescaledb(-ha)?)$")
REDIS = re.compile(r"^(redis|valkey|redis-stack|redis-stack-server)$")
CHROMA = re.compile(r"^chroma(db)?$")
QDRANT = re.compile(r"^qdrant$")
INTERPOLATED = re.compile(r"\$\{[A-Za-z_]\w*(?::?-([^{}]*))?\}")
APPLICATION_NAMES = {"app", "api", "backend", "server", "service", "rag", "web"}
JOBS = re.compile(r"\b(worker|celery|scheduler|beat|migrate|migrations?|alembic|cron|rq|arq|dramatiq)\b")
NOT_HTTP = {22, 25, 1025, 3306, 4222, 5432, 5672, 6379, 6432, 9042, 9092, 11211, 27017}
ENOUGH = 3


class Role(StrEnum):
    """What a Compose service is to gonogo."""

    POSTGRES = "PostgreSQL"
    REDIS = "Redis or Valkey"
    CHROMA = "Chroma"
    QDRANT = "Qdrant"
    APPLICATION = "the application"
    OTHER = "another container"


def with_defaults(text: str) -> str | None:
    """Text with Compose's variables replaced by their defaults; None where one has no default.

    >>> with_defaults("acme/rag:${TAG:-latest}"), with_defaults("acme/rag:${TAG}")
    ('acme/rag:latest', None)
    """
    filled = INTERPOLATED.sub(lambda match: match[0] if match[1] is None else match[1], text)
    return None if "$" in filled else filled


def recognise(project: ComposeProject, application: str | None = None) -> Mapping[str, Role]:
    """The role of every service; `application` names the application where the guess would be wrong.

    Raises UsageError where nothing looks like the application.
    """
    roles = {name: _by_image(service) for name, service in project.services.items()}
    databases = [name for name, role in roles.items() if role is Role.POSTGRES]
    if application is None:
        points = {n: _points(project.services[n], databases) for n, role in roles.items() if role is Role.OTHER}
        best = max(points, key=points.__getitem__, default=None)
        if best is None or points[best] < ENOUGH:
            raise UsageError(
                f"{project.path}: no service looks like the application (one that has a build or publishes an HTTP "
                f"port, and depends on the database); say which with --app (services: {', '.join(project.services)})"
            )
        application = best
    if application not in roles:
        raise UsageError(f"{project.path}: no service {application!r} (services: {', '.join(project.services)})")
    return {**roles, application: Role.APPLICATION}


def the_one(project: ComposeProject, roles: Mapping[str, Role], role: Role) -> ComposeService | None:
    """The service of a role; of several, one that starts without a profile."""
    found = [project.services[name] for name, one in roles.items() if one is role]
    return min(found, key=lambda service: len(service.profiles), default=None)


def _by_image(service: ComposeService) -> Role:
    last = (with_defaults(service.image) or service.image).rpartition("/")[2].partition(":")[0].partition("@")[0]
    named = ((POSTGRES, Role.POSTGRES), (REDIS, Role.REDIS), (CHROMA, Role.CHROMA), (QDRANT, Role.QDRANT))
    for pattern, role in named:
        if pattern.match(last):
            return role
    if service.build and "POSTGRES_PASSWORD" in service.environment and any(port == 5432 for _, port in service.ports):
        return Role.POSTGRES
    return Role.OTHER


def _points(service: ComposeService, databases: list[str]) -> int:
    """How much a service looks like the application."""
    told = " ".join(text or "" for text in service.environment.values())
    needs = any(name in service.depends_on or f"@{name}" in told or name == told for name in databases)
    says_job = JOBS.search(service.name) or JOBS.search(" ".join(service.command))
    return (
        2 * bool(service.build)
        + 2 * any(port not in NOT_HTTP for _, port in service.ports)
        + 2 * needs
        + bool(service.health_path)
        + bool(APPLICATION_NAMES & set(re.split(r"[-_.]", service.name)))
        - 4 * bool(says_job)
        - 2 * bool(service.profiles)
    )
