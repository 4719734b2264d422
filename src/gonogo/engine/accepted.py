"""What extensions said in an earlier plan: content that did not change needs no import to be shown to them again.

A plan imports every extension to validate its parameters and to learn what it needs, which takes as long as all else
together. What a run does never comes from here: it imports what it uses, and validates again.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from pydantic import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gonogo.core.memory import Memory
    from gonogo.core.registry import Registry
    from gonogo.spec.contract import ContractSpec

Words = tuple[str, ...]


class Accepted:
    """What extensions have said about parameters under one contract.

    A question has a name, an extension and its parameters. Where parameters were refused there is no answer.
    """

    def __init__(self, memory: Memory, contract: ContractSpec) -> None:
        """Answers are kept in `memory`."""
        self._memory = memory
        self._basis = f"{VERSION} {sha256(contract.model_dump_json().encode()).hexdigest()}"

    def get(self, question: str, registry: Registry[Any], name: str, parameters: Any) -> Words | None:
        """What an extension answered; None where it was not asked, or refused the parameters."""
        answer: Words | None = self._memory.get(self._key(question, registry, name, parameters))
        return answer

    def add(self, question: str, registry: Registry[Any], name: str, parameters: Any, answer: Iterable[str]) -> None:
        """Remember an answer. A plug-in's is not: its code can change without our noticing."""
        if name in registry.own_names():
            self._memory.add(self._key(question, registry, name, parameters), tuple(map(str, answer)))

    def _key(self, question: str, registry: Registry[Any], name: str, parameters: Any) -> str:
        return f"{question} {registry.kind} {name} {json.dumps(parameters)} {self._basis}"
