"""The application's environment: what Compose says, in the references of a stack file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from gonogo.engine.init.secrets import is_secret

VARIABLE = re.compile(
    r"\$(?:\$|(?P<bare>[A-Za-z_]\w*)|\{(?P<name>[A-Za-z_]\w*)(?:(?P<how>:?[-?+])(?P<word>[^{}]*))?\})"
)
NESTED = re.compile(r"\$\{[^{}]*\$\{")
DATABASE_URL = re.compile(
    r"^(?P<scheme>(?:jdbc:)?postgres(?:ql)?)(?P<driver>\+\w+)?://(?:(?P<user>.*)@)?(?P<host>[^@/?]+)"
)
KEYWORDS = re.compile(r"\bhost=(?P<host>[^\s:]+)")
MIGRATING = re.compile(r"(?i)(migrat|owner|admin|alembic)")
URL_HOST = re.compile(r"://(?:[^/\s]*@)?([^/:\s?]+)")
LOGIN = re.compile(r"^[a-z_][a-z0-9_]*$")
TOLD = {"PORT", "HOST"}  # gonogo says these itself
PARTS = {
    "port": ("PORT",),
    "roles": ("USER", "USERNAME"),
    "passwords": ("PASSWORD", "PASS", "PWD"),
    "database": ("NAME", "DB", "DATABASE", "DBNAME"),
}
STUB_KEYS = {"OPENAI_API_KEY"}
STUB_URLS = {"OPENAI_BASE_URL", "OPENAI_API_BASE"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One variable in the stack file. No `value`: it is left out, and `remark` says why."""

    name: str
    value: str | None
    remark: str = ""


@dataclass(slots=True, kw_only=True)
class Translation:
    """A whole environment. `needs`: variables that must be set for gonogo; a text is Compose's harmless default."""

    variables: list[Variable] = field(default_factory=list)
    needs: dict[str, str | None] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)  # the stack's role → the login that Compose has for it
    secrets: list[str] = field(default_factory=list)  # names of those that stood in the file in plain text


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Services by their name in Compose, and what they are called in the stack file."""

    database: str | None = None  # in Compose; the stack file calls it `db`
    redis: str | None = None  # … `cache`
    beside: Mapping[str, str] = field(default_factory=dict)  # others that listen: their name here, by that in Compose
    others: frozenset[str] = frozenset()  # that gonogo does not start
    superuser: str = "postgres"  # the database's, in Compose: as a rule the application connects as that one
    stub: str | None = None  # the stack file's stand-in for the model service


def translate(environment: Mapping[str, str | None], names: Names, *, values_secret: frozenset[str]) -> Translation:
    """Every variable; those of `values_secret` (env files) are never copied, whatever they look like."""
    made = Translation()
    prefixes = {
        kind: tuple(name.removesuffix(end) for name, text in environment.items() for end in ("HOST", "SERVER")
                    if service and _plain(text) == service and name.endswith(end))
        for kind, service in _called(names)
    }  # fmt: skip
    for name, text in environment.items():
        _note_login(name, text or "", names, made)
        variable = _told(name) or _stubbed(name, names) or _part(name, prefixes, names, environment)
        if variable is None and text is not None:
            variable = _service_address(name, text, names)
        made.variables.append(variable or _value(name, text, names, made, name in values_secret))
    if names.stub and not STUB_URLS & environment.keys():
        made.variables.append(
            Variable(name="OPENAI_BASE_URL", value=f"${{{names.stub}.url}}/v1", remark="added: a guess")
        )
    return made


def _called(names: Names) -> list[tuple[str, str | None]]:
    """(what the stack file calls it, what Compose does) of every service that a variable may point at."""
    beside = [(called, service) for service, called in names.beside.items()]
    return [("db", names.database), ("cache", names.redis), *beside]


def _told(name: str) -> Variable | None:
    return Variable(name=name, value=None, remark="gonogo says it itself") if name in TOLD else None


def _stubbed(name: str, names: Names) -> Variable | None:
    if names.stub and name in STUB_URLS:
        return Variable(name=name, value=f"${{{names.stub}.url}}/v1", remark="the stand-in instead of the real service")
    if names.stub and name in STUB_KEYS:
        return Variable(name=name, value=f"${{generated.{name}}}", remark="the stand-in takes any key")
    return None


def _part(
    name: str, prefixes: Mapping[str, tuple[str, ...]], names: Names, environment: Mapping[str, str | None]
) -> Variable | None:
    """DB_PORT, DB_USER … beside a DB_HOST that is the database's."""
    for service, found in prefixes.items():
        for prefix in found:
            rest = name.removeprefix(prefix) if name.startswith(prefix) else ""
            user = next(
                (_plain(environment[prefix + end]) for end in PARTS["roles"] if prefix + end in environment), ""
            )
            if rest in {"HOST", "SERVER"}:
                return Variable(name=name, value=f"${{{service}.host}}")
            for part, endings in PARTS.items():
                if rest in endings and (service == "db" or part == "port"):
                    key = f"{part}.{_role(name, user, names)}" if part in {"roles", "passwords"} else part
                    return Variable(name=name, value=f"${{{service}.{key}}}")
    return None


def _service_address(name: str, text: str, names: Names) -> Variable | None:
    """A variable that says where the database or the cache is."""
    url, keywords = DATABASE_URL.match(text), KEYWORDS.search(text)
    user = (url["user"] or "").partition(":")[0] if url else ""
    user = "" if "$" in user else user
    role = _role(name, user, names)
    if names.database and url and _host(url["host"]) == names.database:
        lost = "its ?query is left out" if "?" in VARIABLE.sub("", text) else ""
        if url["driver"] or url["scheme"].startswith("jdbc:"):
            login = f"${{db.roles.{role}}}:${{db.passwords.{role}}}@" if url["user"] else ""
            scheme = f"{url['scheme']}{url['driver'] or ''}"
            value = f"{scheme}://{login}${{db.host}}:${{db.port}}/${{db.database}}"
            return Variable(name=name, value=value, remark=lost)
        return Variable(name=name, value=f"${{db.url.{role}}}", remark=lost)
    if names.database and keywords and keywords["host"] == names.database:
        return Variable(name=name, value=f"${{db.url.{role}}}", remark="was written as keywords")
    if names.database and text == f"{names.database}:5432":
        return Variable(name=name, value="${db.host}:${db.port}")
    found = URL_HOST.search(text)
    if names.redis and found and found[1] == names.redis:
        return Variable(name=name, value="${cache.url}", remark="the database number is 0 here")
    if names.redis and text == f"{names.redis}:6379":
        return Variable(name=name, value="${cache.host}:${cache.port}")
    return _address_beside(name, text, names)


def _address_beside(name: str, text: str, names: Names) -> Variable | None:
    """A variable that says where another service is."""
    for service, called in names.beside.items():
        found = re.fullmatch(rf"(https?://)?{re.escape(service)}(:\d+)?(/.*)?", text)
        if found is None:
            continue
        if found[1]:
            return Variable(name=name, value=f"${{{called}.url}}{found[3] or ''}")
        if not found[3]:
            port = f":${{{called}.port}}" if found[2] else ""
            return Variable(name=name, value=f"${{{called}.host}}{port}")
    return None


def _note_login(name: str, text: str, names: Names, made: Translation) -> None:
    """Remember which login a connection URL has for a role that is not the superuser."""
    url = DATABASE_URL.match(text)
    user = (url["user"] or "").partition(":")[0] if url and _host(url["host"]) == names.database else ""
    if LOGIN.match(user) and (role := _role(name, user, names)) != "admin":
        made.roles.setdefault(role, user)


def _role(name: str, user: str | None, names: Names) -> str:
    """Which of the stack's roles a login of the Compose project is: the superuser stays one, whoever is told so."""
    if not user or user == names.superuser:
        return "admin"
    return "owner" if MIGRATING.search(name) or MIGRATING.search(user) else "application"


def _value(name: str, text: str | None, names: Names, made: Translation, hidden: bool) -> Variable:
    """Any other variable: copied, handed on, or referred to."""
    if text is None:
        return _needed(name, made, "Compose hands it through")
    found = URL_HOST.search(text)
    host = found[1] if found else text.partition(":")[0]
    if host in names.others:
        return _needed(name, made, f"pointed at {host}, which gonogo does not start: say where one answers")
    if hidden:
        return _needed(name, made, "from an env file, whose values are not copied")
    bare = VARIABLE.sub("", text)
    if NESTED.search(text) or "${" in VARIABLE.sub(lambda one: "$" if one[0] == "$$" else "", text):
        return _needed(name, made, "what Compose makes of it cannot be written here")
    if is_secret(name, bare.strip(":/,=@ ")):
        made.secrets.append(name)
        return _needed(name, made, "stood in the file in plain text")
    return _interpolated(name, text, made)


def _interpolated(name: str, text: str, made: Translation) -> Variable:
    """Compose's ${NAME:-default} as ${env.NAME}; what it would be by default is told where that is no secret."""
    remarks = []

    def reference(match: re.Match[str]) -> str:
        variable = match["bare"] or match["name"]
        if variable is None:
            return "$"
        default = (match["word"] or "") if match["how"] in {"-", ":-"} else None
        hidden = default is not None and (is_secret(name, default) or is_secret(variable, default))
        if hidden:
            made.secrets.append(variable)
        shown = None if hidden else default
        made.needs.setdefault(variable, shown)
        if shown is not None:
            remarks.append(f"Compose's default: {shown or 'empty'}")
        elif match["how"] in {"+", ":+"}:
            remarks.append("Compose has another value where it is set")
        return f"${{env.{variable}}}"

    return Variable(name=name, value=VARIABLE.sub(reference, text), remark="; ".join(remarks))


def _needed(name: str, made: Translation, remark: str) -> Variable:
    made.needs.setdefault(name, None)
    return Variable(name=name, value=f"${{env.{name}}}", remark=remark)


def _plain(text: str | None) -> str | None:
    """A value, or the default of the one variable that it is."""
    match = VARIABLE.fullmatch(text or "")
    return match["word"] if match else text


def _host(text: str) -> str:
    return text.partition(":")[0]
