"""From run.json back to the typed judgement, so that no report digs in dictionaries."""

from __future__ import annotations

import re
import types
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from gonogo.core.errors import UsageError
from gonogo.judge.judgement import SCHEMA_VERSION, Judgement

TERMINAL_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])")
UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but tab and newline: XML forbids most, terminals obey them
    "\u202a-\u202e\u2066-\u2069"  # reorder the text around them
    "\ud800-\udfff\ufffe\uffff]"  # no characters: UTF-8 or XML forbid them
)


def read_run(run: dict[str, Any]) -> Judgement:
    """The judgement that `run` records, its texts printable. Unknown keys are left out: later versions only add.

    Raises UsageError for another schema version or a record that is not a run.json.
    """
    version = run.get("schema_version")
    if version != SCHEMA_VERSION:
        raise UsageError(f"run.json has schema version {version!r}; this gonogo reads version {SCHEMA_VERSION}")
    try:
        judgement = _read(Judgement, run)
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"run.json is not the record of a judged run: {error}") from error
    assert isinstance(judgement, Judgement)
    return judgement


def printable(text: str) -> str:
    """`text` without what a terminal, a browser or an XML parser would obey or refuse.

    >>> printable("\\x1b[31mred\\x1b[0m\\x00 \\u202etxet")
    'red txet'
    """
    return UNPRINTABLE.sub("", TERMINAL_SEQUENCE.sub("", text))


@cache
def hints_of(cls: type) -> dict[str, Any]:
    """The resolved annotations of a dataclass."""
    return get_type_hints(cls)


def _read(hint: Any, value: Any) -> Any:
    if isinstance(hint, type) and is_dataclass(hint):
        hints = hints_of(hint)
        known = {field.name for field in fields(hint)}
        return hint(**{key: _read(hints[key], entry) for key, entry in value.items() if key in known})
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(value)
    if isinstance(value, str):
        return printable(value)
    origin = get_origin(hint)
    if origin in {Union, types.UnionType}:
        return _read_union(get_args(hint), value)
    if origin is tuple:
        return _read_tuple(get_args(hint), value)
    if origin is dict:
        return {printable(key): _read(get_args(hint)[1], entry) for key, entry in value.items()}
    return value


def _read_union(options: tuple[Any, ...], value: Any) -> Any:
    if isinstance(value, list):
        return _read(next(option for option in options if get_origin(option) is tuple), value)
    if isinstance(value, dict):
        return _read(next(option for option in options if is_dataclass(option)), value)
    return value


def _read_tuple(entries: tuple[Any, ...], value: list[Any]) -> tuple[Any, ...]:
    if len(entries) == 2 and entries[1] is Ellipsis:
        return tuple(_read(entries[0], entry) for entry in value)
    return tuple(_read(hint, entry) for hint, entry in zip(entries, value, strict=True))
