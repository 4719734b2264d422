"""Which Docker engine is asked, and who named it: DOCKER_HOST, a docker context, or nobody."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gonogo.core.errors import StackError

HOST, CONTEXT, CONFIG = "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG"
DEFAULT = "default"  # the context that every client has
DEFAULT_ADDRESS = "unix:///var/run/docker.sock"
CONNECT_SECONDS = 5
NO_ANSWER = "no Docker engine answers"

# testcontainers copies the address of a context into DOCKER_HOST of this process: it is still the context's.
_from_contexts: dict[str, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An engine's address and who named it, as a sentence shows it."""

    address: str
    named_by: str

    @property
    def words(self) -> str:
        """For errors.

        >>> Endpoint(address="unix:///run/x.sock", named_by="DOCKER_HOST").words
        'unix:///run/x.sock (DOCKER_HOST)'
        """
        return f"{self.address} ({self.named_by})"


def endpoint() -> Endpoint:
    """The engine that is asked, chosen as Docker's own client does. Raises StackError for an unknown context."""
    if address := os.environ.get(HOST):
        return Endpoint(address=address, named_by=_from_contexts.get(address, HOST))
    if name := os.environ.get(CONTEXT):
        return _of_context(name, CONTEXT)
    name = _document(_folder() / "config.json").get("currentContext") or DEFAULT
    return _of_context(name, f"of {_folder() / 'config.json'}")


def _of_context(name: str, said_by: str) -> Endpoint:
    if name == DEFAULT:
        return Endpoint(
            address=DEFAULT_ADDRESS, named_by="the default: neither DOCKER_HOST nor a docker context is set"
        )
    file = _folder() / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest() / "meta.json"
    address = _document(file).get("Endpoints", {}).get("docker", {}).get("Host")
    if not address:
        raise StackError(f"there is no docker context {name!r} ({said_by}): `docker context ls` shows those that are")
    _from_contexts[address] = f"docker context {name!r}, {said_by}"
    return Endpoint(address=address, named_by=_from_contexts[address])


def _folder() -> Path:
    return Path(os.environ.get(CONFIG) or Path.home() / ".docker")


def _document(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise StackError(f"{file} cannot be read: {error}") from error
    return found if isinstance(found, dict) else {}


def reach(asked: Endpoint) -> None:
    """Raise StackError where nothing listens, or where it is another machine's engine.

    The SDK would say the first in many words and leave its socket open. The second would start: but its ports on
    127.0.0.1 and the files that containers get are those of that machine.
    """
    parts = urlsplit(asked.address)
    if parts.scheme == "unix":
        _connect(asked, socket.AF_UNIX, parts.path)
        return
    if parts.scheme not in {"tcp", "http", "https"} or not _is_here(parts.hostname or ""):
        raise StackError(
            f"the Docker engine {asked.words} is not one of this machine: gonogo publishes ports on 127.0.0.1 only,"
            " and gives containers files of this machine"
        )
    _connect(asked, socket.AF_INET, (parts.hostname, parts.port or 2375))


def _connect(asked: Endpoint, family: socket.AddressFamily, address: Any) -> None:
    try:
        with socket.socket(family) as probe:
            probe.settimeout(CONNECT_SECONDS)
            probe.connect(address)
    except OSError as error:
        raise StackError(f"{NO_ANSWER} at {asked.words}: {error.strerror or error}") from error


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        return False
