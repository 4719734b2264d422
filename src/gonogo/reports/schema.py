"""The JSON schema (2020-12) of run.json, generated from the dataclasses that make it."""

from __future__ import annotations

import inspect
import types
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, Union, get_args, get_origin

from gonogo.judge.judgement import SCHEMA_VERSION, Judgement
from gonogo.reports.reading import hints_of
from gonogo.rundir.files import to_json

FILENAME = "run.schema.json"
JSON_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}


def run_schema() -> dict[str, Any]:
    """The schema of run.json. Every field is always there; unknown ones are allowed, since later versions may add."""
    definitions: dict[str, Any] = {}
    _schema(Judgement, definitions)
    body = definitions.pop(Judgement.__name__)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "run.json of gonogo",
        "description": body["description"],
        "type": "object",
        "required": ["schema_version", *body["required"]],
        "properties": {"schema_version": {"const": SCHEMA_VERSION}, **body["properties"]},
        "$defs": dict(sorted(definitions.items())),
    }


def run_schema_text() -> str:
    """The file `reports/schema/run.schema.json`."""
    return to_json(run_schema())


def _schema(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    if hint is Any:
        return {}
    if hint in JSON_TYPES:
        return {"type": JSON_TYPES[hint]}
    if isinstance(hint, type) and (is_dataclass(hint) or issubclass(hint, Enum)):
        if hint.__name__ not in definitions:
            definitions[hint.__name__] = {}  # the name is taken before its fields are walked
            definitions[hint.__name__] = _definition(hint, definitions)
        return {"$ref": f"#/$defs/{hint.__name__}"}
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        return _union([_schema(option, definitions) for option in arguments])
    if origin is tuple:
        return _tuple(arguments, definitions)
    if origin is dict:
        return {"type": "object", "additionalProperties": _schema(arguments[1], definitions)}
    raise TypeError(f"no JSON schema for {hint!r}")


def _definition(cls: type, definitions: dict[str, Any]) -> dict[str, Any]:
    description = {"description": " ".join((inspect.getdoc(cls) or "").split())}
    if issubclass(cls, Enum):
        return {**description, "enum": [member.value for member in cls]}
    assert is_dataclass(cls)
    hints = hints_of(cls)
    names = [field.name for field in fields(cls)]
    properties = {name: _schema(hints[name], definitions) for name in names}
    return {**description, "type": "object", "required": names, "properties": properties}


def _union(options: list[dict[str, Any]]) -> dict[str, Any]:
    """Simple types share one `type` list; the rest stand in `anyOf`."""
    simple = [option["type"] for option in options if option.keys() == {"type"}]
    merged = [{"type": simple if len(simple) > 1 else simple[0]}] if simple else []
    merged += [option for option in options if option.keys() != {"type"}]
    return merged[0] if len(merged) == 1 else {"anyOf": merged}


def _tuple(entries: tuple[Any, ...], definitions: dict[str, Any]) -> dict[str, Any]:
    if len(entries) == 2 and entries[1] is Ellipsis:
        return {"type": "array", "items": _schema(entries[0], definitions)}
    items = [_schema(entry, definitions) for entry in entries]
    return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
