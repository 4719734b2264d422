"""`${…}` references in content files: objectives, data layout, roles. (Stacks resolve those of the stack file.)"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from typing import Any

from gonogo.core.errors import UsageError

REFERENCE = re.compile(r"\$\{([^}]+)\}")


def substitute(value: Any, lookup: Callable[[str], str]) -> Any:
    """Replace references in every string of a structure; `lookup` gets the text between the braces."""
    if isinstance(value, str):
        return REFERENCE.sub(lambda match: lookup(match[1]), value)
    if isinstance(value, dict):
        return {key: substitute(entry, lookup) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [substitute(entry, lookup) for entry in value]
    return value


def lookup_in(known: Mapping[str, str]) -> Callable[[str], str]:
    """A lookup that raises UsageError with a suggestion for unknown names."""

    def lookup(name: str) -> str:
        if name in known:
            return known[name]
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean ${{{close[0]}}}?" if close else ""
        raise UsageError(f"unknown reference ${{{name}}}{hint}")

    return lookup
