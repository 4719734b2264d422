"""What extensions said in an earlier plan: content that did not change needs no import to be shown to them again.

A plan imports every extension to validate its parameters and to learn what it needs, which takes as long as all else
together. What a run does never comes from here: it imports what it uses, and validates again.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pydantic

from gonogo.rundir.files import write_atomically

if TYPE_CHECKING:
    from gonogo.core.registry import Registry
    from gonogo.spec.stack import StackSpec

FOLDER = "accepted"
MOST_ANSWERS = 2_000  # content that is edited leaves answers behind; past this only those of the last plan are kept
Words = tuple[str, ...]


class _Stored(pydantic.BaseModel):
    """The file: what the answers depend on, and the answers by question."""

    basis: list[str]
    answers: dict[str, Words]


class Accepted:
    """What extensions of this very code have said about parameters, for one stack and its contract.

    A question has a name, an extension and its parameters. Where parameters were refused there is no answer.
    """

    def __init__(self, folder: Path, stack: StackSpec) -> None:
        """Read what is remembered below `folder`; the unreadable, and that of other code or contracts, is forgotten."""
        self._path = folder / FOLDER / f"{stack.stack}.json"
        self._basis = [*_code(), stack.contract.model_dump_json()]
        self._known = _read(self._path, self._basis)
        self._used: dict[str, Words] = {}

    def get(self, question: str, registry: Registry[Any], name: str, parameters: Any) -> Words | None:
        """What an extension answered; None where it was not asked, or refused the parameters."""
        key = _key(question, registry, name, parameters)
        found = self._known.get(key)
        if found is not None:
            self._used[key] = found
        return found

    def add(self, question: str, registry: Registry[Any], name: str, parameters: Any, answer: Iterable[str]) -> None:
        """Remember an answer. A plug-in's is not: its code can change without our noticing."""
        if name in registry.own_names():
            self._used[_key(question, registry, name, parameters)] = tuple(answer)

    def save(self) -> None:
        """Write what is new. A memory that cannot be written only costs time."""
        if not self._used.keys() - self._known.keys():
            return
        everything = {**self._known, **self._used}
        answers = everything if len(everything) <= MOST_ANSWERS else self._used
        with suppress(OSError):
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            write_atomically(self._path, _Stored(basis=self._basis, answers=answers).model_dump_json().encode())


def _key(question: str, registry: Registry[Any], name: str, parameters: Any) -> str:
    return f"{question} {registry.kind} {name} {json.dumps(parameters)}"


def _read(path: Path, basis: list[str]) -> dict[str, Words]:
    try:
        stored = _Stored.model_validate_json(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return stored.answers if stored.basis == basis else {}


def _code() -> list[str]:
    """What decides: Python, pydantic, and every module of gonogo by place, size and time."""
    package = Path(__file__).resolve().parent.parent
    return [sys.version, pydantic.VERSION, *sorted(_modules(package))]


def _modules(folder: Path) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".py"):
                seen = entry.stat()
                yield f"{entry.path} {seen.st_size} {seen.st_mtime_ns}"
            elif entry.is_dir() and entry.name != "__pycache__":
                yield from _modules(Path(entry.path))
