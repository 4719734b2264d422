"""Who logs in to a project's database: what the environments of its containers say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

SCHEME = re.compile(r"^(postgres(ql)?|postgis|jdbc:postgresql|psycopg\w*)(\+\w+)?://", re.IGNORECASE)
USER = re.compile(r"(?i)^(?P<about>(?:.*_)?(?:db|database|pg|postgres(?:ql)?|sql)_?|pg)user(?:name)?$")
PASSWORDS = ("PASSWORD", "PASS", "PASSWD", "PWD")
DATABASES = ("DATABASE", "DB", "NAME", "DBNAME")
MIGRATING = re.compile(r"(?i)migrat|owner|admin|alembic|ddl")


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Somebody who logs in. `database` is empty where it is not said."""

    service: str  # of the project: whose environment says so
    variable: str
    user: str
    password: str
    database: str = ""

    @property
    def migrates(self) -> bool:
        """Whether it is for changing the schema, by the names it goes under."""
        return bool(MIGRATING.search(self.variable) or MIGRATING.search(self.user))


def logins(environments: Mapping[str, Mapping[str, str]], hosts: frozenset[str]) -> list[Login]:
    """Those of services (name → environment) to a database that the project calls by `hosts`."""
    found: list[Login] = []
    for service, environment in environments.items():
        for variable, value in environment.items():
            found += _of_url(service, variable, value, hosts)
            found += _of_conninfo(service, variable, value, hosts)
        if hosts & set(environment.values()):
            found += _of_parts(service, environment)
    return found


def _of_url(service: str, variable: str, value: str, hosts: frozenset[str]) -> Iterator[Login]:
    if not SCHEME.match(value):
        return
    try:
        parts = urlsplit("postgresql://" + value.partition("://")[2])
        named = {host.rpartition("@")[2].partition(":")[0] for host in parts.netloc.split(",")}
        user, password = parts.username, parts.password
    except ValueError:
        return
    if user and named & hosts:
        yield Login(
            service=service, variable=variable, user=unquote(user), password=unquote(password or ""),
            database=unquote(parts.path.lstrip("/")),
        )  # fmt: skip


def _of_conninfo(service: str, variable: str, value: str, hosts: frozenset[str]) -> Iterator[Login]:
    if "host=" not in value or "user=" not in value:
        return
    try:
        parts = {key: str(text) for key, text in conninfo_to_dict(value).items()}
    except psycopg.ProgrammingError:
        return
    if hosts & set(parts.get("host", "").split(",")):
        yield Login(
            service=service, variable=variable, user=parts["user"], password=parts.get("password", ""),
            database=parts.get("dbname", ""),
        )  # fmt: skip


def _of_parts(service: str, environment: Mapping[str, str]) -> Iterator[Login]:
    """DB_USER and DB_PASSWORD, PGUSER and PGPASSWORD, and what else they are called."""
    for variable, user in environment.items():
        match = USER.match(variable)
        if match is None or not user:
            continue
        about = match["about"]
        password = next((environment[about + one] for one in PASSWORDS if about + one in environment), None)
        if password is not None:
            database = next((environment[about + one] for one in DATABASES if about + one in environment), "")
            yield Login(service=service, variable=variable, user=user, password=password, database=database)
