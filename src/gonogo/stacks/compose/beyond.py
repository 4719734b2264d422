"""What of a Compose project would reach beyond its run: refused with a sentence that says what to do.

The network of a run leads outside, as the project's own does: models are asked there. What keeps data is another
matter: a run writes to it, loads it and breaks it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gonogo.stacks.compose.dollars import plain

LEAVE_OUT = "leave it out with compose: {{without: [{name}]}}"
ENGINE_SOCKETS = ("docker.sock", "containerd.sock", "podman.sock", "crio.sock")
USUAL_SOCKET = Path("/var/run/docker.sock")
LISTENING = Path("/proc/net/unix")
ACCEPTS = 0x10000  # the flag of a socket that somebody listens on, there

STORE = r"postgres(?:ql)?|postgis|psycopg\w*|mysql|mariadb|mongodb|rediss?|valkeys?|amqps?|clickhouse|cockroachdb"
URL = re.compile(rf"(?i)\b(?:{STORE})(?:\+\w+)?://(?P<hosts>[^/?#\s]*)")
ANY_URL = re.compile(r"^\w[\w+.-]*://(?P<hosts>[^/?#\s]*)")
WORDS = re.compile(r"(?:^|\s|[?&])host(?:addr)?=(?P<hosts>[^\s&']+)")
KINDS = r"db|database|pg|postgres\w*|mysql|mariadb|mongo\w*|redis|valkey|chroma\w*|qdrant|weaviate|milvus|elastic\w*"
PLACE = re.compile(
    rf"(?i)^(?:.+_)?(?:{KINDS}|opensearch)_?(?:\w+_)?(?:(?P<host>host(?:name|addr)?s?|addr(?:ess)?|endpoint)|ur[il])$"
)
PLAIN_HOSTS = re.compile(r"[\w.,:\[\]-]+")

Model = Mapping[str, Any]


def objections(model: Model) -> list[str]:
    """What of a project cannot be run under gonogo, one sentence each."""
    found = []
    for name, service in model["services"].items():
        found += [f"{name} {why}; {LEAVE_OUT.format(name=name)}" for why in _objections(service)]
    for kind in ("secrets", "configs"):
        found += [
            f"{kind[:-1]} {name} is external: gonogo knows only those that come from files and variables"
            for name, one in (model.get(kind) or {}).items()
            if one.get("external")
        ]
    return found


def _objections(service: Model) -> list[str]:
    """Sentences without their subject."""
    mode = str(service.get("network_mode") or "")
    shared = {key: str(service.get(key) or "") for key in ("pid", "ipc")}
    outside = [one for one in service.get("volumes_from") or () if str(one).startswith("container:")]
    sources = [Path(plain(one.get("source", ""))) for one in service.get("volumes") or () if one.get("type") == "bind"]
    engine = service.get("use_api_socket") or any(map(leads_to_engine, sources))
    sockets = [str(path) for path in sources if path.is_socket()]
    reasons = (
        (mode == "host", "uses this host's network (network_mode: host): two runs of it would meet"),
        (mode.startswith("container:"), "uses the network of a container that is not the project's"),
        (shared["pid"] == "host", "sees this host's processes (pid: host)"),
        (shared["ipc"] == "host", "shares this host's memory segments (ipc: host)"),
        (
            any(one.startswith("container:") for one in shared.values()),
            "shares processes or memory with a container that is not the project's (pid:, ipc:)",
        ),
        (service.get("privileged"), "is privileged: it could reach beyond the run"),
        (engine, "has the Docker engine's socket: it could reach beyond the run"),
        (sockets and not engine, f"has a socket on which this host listens ({', '.join(sockets)})"),
        (service.get("external_links"), "is linked to containers that are not the project's (external_links)"),
        (outside, "uses volumes of a container that is not the project's (volumes_from)"),
        (not service.get("image") and not service.get("build"), "has neither image: nor build:"),
    )
    return [text for applies, text in reasons if applies]


# --- sockets: a mount that is read-only keeps nobody from speaking to who listens


def leads_to_engine(source: Path) -> bool:
    """Whether a mount of a path gives a container the engine's socket: itself, or a folder around it."""
    if source.name in ENGINE_SOCKETS:
        return True
    known = [path for path in listening_below(source) if path.name in ENGINE_SOCKETS]
    return bool(known) or (USUAL_SOCKET.exists() and USUAL_SOCKET.resolve().is_relative_to(source.resolve()))


def listening_below(folder: Path) -> list[Path]:
    """The sockets at or below a path on which somebody of this host listens, as far as the kernel tells."""
    try:
        lines = LISTENING.read_text(errors="replace").splitlines()[1:]
    except OSError:
        return []
    top = folder.resolve()
    return [path for path in map(Path, _paths(lines)) if path.is_absolute() and path.is_relative_to(top)]


def _paths(lines: list[str]) -> Iterator[str]:
    """
    >>> one = "0000000000000000: 00000002 00000000 {} 0001 01 21 /run/x y.sock"
    >>> list(_paths([one.format("00010000"), one.format("00000000"), "0: 2 0 00010000 0001 01 21 @abstract", "0: 2"]))
    ['/run/x y.sock', '@abstract']
    """
    for line in lines:
        parts = line.split(None, 7)
        if len(parts) == 8 and int(parts[3], 16) & ACCEPTS:
            yield parts[7]


# --- data that is not of the project


def led_outside(model: Model, given: Mapping[str, Mapping[str, str]]) -> list[str]:
    """The databases and stores outside of the project that its services are told to use, one sentence each.

    `given`: what the stack file gives to services instead of the project's own; that is its author's word.
    """
    own = _names(model)
    found = []
    for name, service in model["services"].items():
        elsewhere = {str(one).partition("=")[0].partition(":")[0] for one in _extra_hosts(service)}
        for where, host in _told(service, given.get(name, {})):
            if (host in elsewhere or _is_outside(host)) and host not in own:
                found.append(
                    f"{name}: {where} leads to {host}, which is not of the project, and a run writes and breaks: give"
                    f" it another value (environment: of the stack file's service, or compose: {{env_file: …}}), or "
                    + LEAVE_OUT.format(name=name)
                )
    return list(dict.fromkeys(found))


def _told(service: Model, given: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Where a service is told to find what keeps data: by which variable or key, and on which hosts."""
    for variable, value in (service.get("environment") or {}).items():
        if value is not None and variable not in given:
            yield from ((variable, host) for host in hosts_in(variable, plain(value)))
    for key in ("command", "entrypoint"):
        words = service.get(key) or ()
        for word in [words] if isinstance(words, str) else words:
            yield from ((key, host) for host in hosts_in("", plain(word)))


def hosts_in(variable: str, value: str) -> list[str]:
    """The hosts of databases and stores that a value names; a plain host where the variable's name says that it is one.

    >>> hosts_in("X", "postgresql+asyncpg://u:p@db.example:5432,other/rag"), hosts_in("X", "https://models.example/v1")
    (['db.example', 'other'], [])
    >>> hosts_in("PGHOST", "10.0.0.1"), hosts_in("QDRANT_URL", "https://x.qdrant.example:6333"), hosts_in("HOST", "a.b")
    (['10.0.0.1'], ['x.qdrant.example'], [])
    >>> hosts_in("DB_URL", "./data/app.db"), hosts_in("DATABASE_URL", "sqlite:///app.db"), hosts_in("PG_DB", "a.b")
    ([], [], [])
    >>> hosts_in("DSN", "host=db.example user=rag"), hosts_in("DB_HOST", "[2001:db8::1]:5432"), hosts_in("", "run")
    (['db.example'], ['2001:db8::1'], [])
    """
    found = [match["hosts"] for match in URL.finditer(value)]
    if "user=" in value or "dbname=" in value or found:
        found += [match["hosts"] for match in WORDS.finditer(value)]
    place = None if found else PLACE.match(variable)
    if place and (url := ANY_URL.match(value)):
        found = [url["hosts"]]
    elif place and place["host"] and PLAIN_HOSTS.fullmatch(value):
        found = [value]
    return [host for one in found for each in one.rpartition("@")[2].split(",") if (host := _without_port(each))]


def _without_port(address: str) -> str:
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address if address.count(":") > 1 else address.partition(":")[0]


def _is_outside(host: str) -> bool:
    """Whether a name leads out of a run's networks: one without a dot is known to Docker alone."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." in host and not host.startswith("/") and not host.endswith(".localhost")
    return not (address.is_loopback or address.is_unspecified)


def _names(model: Model) -> set[str]:
    """What the project's services may be called in its networks."""
    found: set[str] = set()
    for name, service in model["services"].items():
        networks = service.get("networks") or {}
        aliases = [alias for how in networks.values() if how for alias in how.get("aliases") or ()]
        found |= {name, *map(str, aliases)}
        found |= {str(service[key]) for key in ("container_name", "hostname") if service.get(key)}
    return found


def _extra_hosts(service: Model) -> list[str]:
    extra = service.get("extra_hosts") or ()
    return [f"{host}={at}" for host, at in extra.items()] if isinstance(extra, dict) else list(map(str, extra))
