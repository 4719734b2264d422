"""`${…}` references of a stack file: other services, the environment, files, secrets made for this run."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gonogo.core.errors import UsageError
from gonogo.spec.references import lookup_in, substitute

SECRET_BYTES = 24


class References:
    """Resolves the references of one run. `secret` registers a value for redaction and returns it."""

    def __init__(self, *, folder: Path, secret: Callable[[str], str], absent: frozenset[str] = frozenset()) -> None:
        self._folder = folder  # ${file.PATH} counts from here: the stack file's folder
        self._secret = secret
        self._absent = absent  # optional services that do not run: their references are empty
        self._known: dict[str, str] = {}
        self.known: Mapping[str, str] = MappingProxyType(self._known)  # everything resolved so far, live
        self._lock = threading.RLock()

    def add(self, service: str, values: Mapping[str, str]) -> None:
        """Make a started service's values known, e.g. `url` as ${service.url}."""
        with self._lock:
            self._known.update({f"{service}.{key}": value for key, value in values.items()})

    def leave_out(self, service: str) -> None:
        """An optional service does not run here."""
        self._absent |= {service}

    def replaced(self, service: str, values: Mapping[str, str]) -> References:
        """A copy in which one service's values are others (a scratch database instead of the real one)."""
        with self._lock:
            copy = References(folder=self._folder, secret=self._secret, absent=self._absent)
            copy._known.update(self._known)
        copy.add(service, values)
        return copy

    def resolve(self, value: Any, where: str = "") -> Any:
        """Replace every reference in a string or structure. Raises UsageError that begins with `where`."""
        try:
            return substitute(value, self._lookup)
        except UsageError as error:
            raise UsageError(f"{where}: {error}" if where else str(error)) from None

    def _lookup(self, name: str) -> str:
        source, _, key = name.partition(".")
        with self._lock:
            if name in self._known:
                return self._known[name]
            if source in self._absent:
                return ""
            make = {"generated": _generated, "env": _from_environment, "file": self._from_file}.get(source)
            if make is None or not key:
                return lookup_in(self._known)(name)
            self._known[name] = self._secret(make(key))
            return self._known[name]

    def _from_file(self, key: str) -> str:
        path = self._folder / key
        try:
            return path.read_text().rstrip("\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "is not text"
            raise UsageError(f"${{file.{key}}}: {path}: {reason}") from None


def _generated(_key: str) -> str:
    return secrets.token_urlsafe(SECRET_BYTES)


def _from_environment(key: str) -> str:
    if key not in os.environ:
        raise UsageError(f"${{env.{key}}}: the environment variable {key} is not set")
    return os.environ[key]


def services_referenced(value: Any, services: Mapping[str, object]) -> set[str]:
    """The services of a stack that a structure refers to."""
    found: set[str] = set()

    def note(name: str) -> str:
        found.add(name.partition(".")[0])
        return ""

    substitute(value, note)
    return found & services.keys()
