"""Reading a Compose file: the keys that a stack file can be made of, whichever way they are written."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from gonogo.core.errors import UsageError
from gonogo.engine.init.secrets import looks_secret

PLAIN = {  # what a word without quotes may be; YAML 1.1's `on`, `12:30` and dates are text here, as Compose has them
    "tag:yaml.org,2002:merge": (r"^<<$", "<"),
    "tag:yaml.org,2002:null": (r"^(?:~|null|Null|NULL|)$", "~nN\0"),
    "tag:yaml.org,2002:bool": (r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    "tag:yaml.org,2002:int": (r"^[-+]?(?:0|[1-9][0-9]*)$", "-+0123456789"),
}
HTTP_PATH = re.compile(r"https?://(?:[^/\s'\"@]*@)?[^/\s'\"]+(/[^\s'\"?#;|&)]*)?")
ADDRESS_AND_PORT = re.compile(r"(?:^|:)(\d+)(?:-\d+)?(?:/tcp)?$")
ENV_LINE = re.compile(r"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*$")
DURATION = re.compile(r"(\d+)(h|m|s)")
UNIT_SECONDS = {"h": 3600, "m": 60, "s": 1}


class _Loader(yaml.SafeLoader):
    """Plain data only."""


_Loader.yaml_implicit_resolvers = {}
for _tag, (_pattern, _first) in PLAIN.items():
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), list(_first.replace("\0", "")) + [""] * ("\0" in _first))
_Loader.add_constructor("!reset", lambda _loader, _node: None)
_Loader.add_constructor("!override", lambda loader, node: loader.construct_object(_untagged(node), deep=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeService:
    """One service of a Compose file. `ports` are pairs of host port (None: chosen by Docker) and container port."""

    name: str
    image: str = ""
    build: str = ""  # the context's folder, as written
    dockerfile: str = ""  # in the context, as written
    build_extras: tuple[str, ...] = ()  # other keys of build:
    command: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    environment: Mapping[str, str | None] = field(default_factory=dict)  # None: handed through
    env_files: tuple[str, ...] = ()
    ports: tuple[tuple[int | None, int], ...] = ()
    depends_on: tuple[str, ...] = ()
    healthcheck: str = ""
    profiles: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    stop_grace_seconds: int | None = None

    @property
    def health_path(self) -> str:
        """The path that its health check asks, without the query; empty when it asks none."""
        found = HTTP_PATH.search(self.healthcheck)
        path = (found[1] or "/") if found else ""
        return "" if looks_secret(path) else path


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeProject:
    """A Compose file."""

    path: Path
    name: str
    services: Mapping[str, ComposeService]
    ignored: tuple[str, ...] = ()  # top-level keys that may matter and are not followed


def read_compose(path: Path) -> ComposeProject:
    """Read a Compose file. Raises UsageError with what is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: is not UTF-8 text") from None
    try:
        data = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise UsageError(f"{path}{line}: is not valid YAML: {getattr(error, 'problem', None) or error}") from None
    services = data.get("services") if isinstance(data, dict) else None
    if not isinstance(services, dict) or not services:
        raise UsageError(f"{path}: has no services:, it is no Compose file")
    read = {str(name): _service(str(name), one or {}, path) for name, one in services.items()}
    return ComposeProject(
        path=path,
        name=str(data.get("name") or path.absolute().parent.name),
        services=read,
        ignored=tuple(key for key in ("include",) if key in data),
    )


def env_file_values(path: Path) -> dict[str, str] | None:
    """The variables of an env file; None where it cannot be read. Its values are looked at and never copied."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    found = (ENV_LINE.match(line) for line in lines)
    return {match[1]: match[2].strip("'\"") for match in found if match}


def _service(name: str, data: Any, path: Path) -> ComposeService:
    if not isinstance(data, dict):
        raise UsageError(f"{path}: services.{name} is not a mapping")
    build = data.get("build")
    context = build if isinstance(build, dict) else {"context": build}
    health = data.get("healthcheck") or {}
    test = health.get("test", "") if isinstance(health, dict) else ""
    try:
        return ComposeService(
            name=name,
            image=str(data.get("image") or ""),
            build=str(context.get("context") or ".") if build else "",
            dockerfile=str(context.get("dockerfile") or ""),
            build_extras=tuple(str(key) for key in context if key not in {"context", "dockerfile"}),
            command=_words(data.get("command")),
            entrypoint=_words(data.get("entrypoint")),
            environment=_environment(data.get("environment")),
            env_files=_each(data.get("env_file"), lambda one: one.get("path")),
            ports=_ports(data.get("ports"), data.get("expose")),
            depends_on=_each(data.get("depends_on"), str),
            healthcheck=" ".join(map(str, test)) if isinstance(test, list) else str(test),
            profiles=_each(data.get("profiles"), str),
            volumes=_each(data.get("volumes"), lambda one: f"{one.get('source', '')}:{one.get('target', '')}"),
            stop_grace_seconds=_seconds(data.get("stop_grace_period")),
        )
    except (ValueError, AttributeError, TypeError) as error:
        raise UsageError(f"{path}: services.{name}: {error}") from None


def _words(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    return tuple(shlex.split(value)) if isinstance(value, str) else tuple(map(str, value))


def _environment(value: Any) -> dict[str, str | None]:
    """Both ways of writing it: a list of NAME=value, or a mapping."""
    if isinstance(value, list):
        pairs = [str(one).partition("=") for one in value]
        return {name: text if equals else None for name, equals, text in pairs}
    return {str(name): None if text is None else _text(text) for name, text in (value or {}).items()}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _each(value: Any, of_mapping: Callable[[Any], Any]) -> tuple[str, ...]:
    """A word, a list of words or of mappings, or a mapping's keys."""
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    return tuple(str(of_mapping(one)) if isinstance(one, dict) else str(one) for one in value)


def _ports(published: Any, exposed: Any) -> tuple[tuple[int | None, int], ...]:
    found: list[tuple[int | None, int]] = []
    for one in published or ():
        if isinstance(one, dict):
            host = str(one.get("published") or "")
            found.append((int(host) if host.isdecimal() else None, int(one["target"])))
        elif match := ADDRESS_AND_PORT.search(str(one)):
            before = str(one)[: match.start()].rpartition(":")[2]
            found.append((_host_port(before), int(match[1])))
    found += [
        (None, int(str(one).partition("/")[0])) for one in exposed or () if str(one).partition("/")[0].isdecimal()
    ]
    return tuple(found)


def _host_port(text: str) -> int | None:
    """The port of this host: a number, or the default of a variable (`8080}` is what is left of `${PORT:-8080}`)."""
    digits = text.strip("-}")
    return int(digits) if digits.isdecimal() else None


def _seconds(value: Any) -> int | None:
    found = DURATION.findall(str(value or ""))
    return sum(int(number) * UNIT_SECONDS[unit] for number, unit in found) if found else None


def _untagged(node: yaml.Node) -> yaml.Node:
    kinds = {yaml.MappingNode: "map", yaml.SequenceNode: "seq", yaml.ScalarNode: "str"}
    node.tag = f"tag:yaml.org,2002:{kinds[type(node)]}"
    return node
