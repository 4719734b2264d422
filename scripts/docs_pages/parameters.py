"""Pydantic models as tables: key, type, default."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

from docs_pages.text import cell, code, prose, table

UNITS = {"a duration with unit": "s", "a size with unit": "B", "a rate with unit": "/s", "a fraction or percentage": ""}
COMMENT = re.compile(r"^    (?P<name>[a-z]\w*): .*?  # (?P<text>.+)$", re.MULTILINE)
CALLED = {"string": "text", "boolean": "true or false", "integer": "whole number", "number": "number"}


def keys_of(
    model: type[BaseModel], *, level: int, elsewhere: tuple[str, ...] = (), without: frozenset[str] = frozenset()
) -> str:
    """The keys of a model, then those of the models inside it, each below a heading of its own.

    Models named in `elsewhere` are only linked: a heading of the page has their name. Keys in `without` are left out.
    """
    schema = model.model_json_schema(by_alias=True)
    schema["properties"] = {name: one for name, one in schema["properties"].items() if name not in without}
    definitions, classes = schema.get("$defs", {}), _classes(model)
    parts = list(_keys(schema, definitions, _meanings(model)))
    for name, inner in definitions.items():
        if inner.get("type") == "object" and _plain(name) not in elsewhere:
            rows = _keys(inner, definitions, _meanings(classes[name]))
            parts += [f"{'#' * level} {_plain(name)}", *_described(inner), *rows]
    return "\n\n".join(parts)


def _classes(annotation: Any) -> dict[str, type[BaseModel]]:
    """Every model in an annotation, by name, with the models inside it."""
    found: dict[str, type[BaseModel]] = {}
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        found[annotation.__name__] = annotation
        for field in annotation.model_fields.values():
            found |= _classes(field.annotation)
    for argument in get_args(annotation):
        found |= _classes(argument)
    return found


def _meanings(model: type[BaseModel]) -> dict[str, str]:
    """What the comments behind the fields of a model say, by the key that people write."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if base is not BaseModel and issubclass(base, BaseModel):
            for match in COMMENT.finditer(inspect.getsource(base)):
                field = model.model_fields.get(match["name"])
                text = match["text"].removeprefix("noqa: A003").strip()
                found[(field.alias if field else None) or match["name"]] = text
    return found


def described(model: type[BaseModel]) -> str:
    """The model's own docstring, "" where it has none."""
    return "\n\n".join(_described(model.model_json_schema(by_alias=True)))


def _described(schema: dict[str, Any]) -> Iterator[str]:
    if text := schema.get("description"):
        yield prose(text)


def _keys(schema: dict[str, Any], definitions: dict[str, Any], meanings: dict[str, str]) -> Iterator[str]:
    properties = schema.get("properties", {})
    if not properties:
        yield "It has no keys."
        return
    required = schema.get("required", [])
    rows = []
    for name, one in properties.items():
        value = cell(_type(_inlined(one, definitions)))
        rows.append((code(name), value, _default(one, required=name in required), cell(meanings.get(name, ""))))
    if any(row[-1] for row in rows):
        yield table(("key", "value", "default", ""), rows)
    else:
        yield table(("key", "value", "default"), [row[:-1] for row in rows])


def _inlined(one: Any, definitions: dict[str, Any]) -> Any:
    """A schema in which references to plain choices are the choices themselves."""
    if isinstance(one, list):
        return [_inlined(entry, definitions) for entry in one]
    if not isinstance(one, dict):
        return one
    target = definitions.get(str(one.get("$ref", "")).rpartition("/")[2], {})
    return target if "enum" in target else {key: _inlined(value, definitions) for key, value in one.items()}


def _plain(name: str) -> str:
    """RolesSpec → Roles: people never write the names of models."""
    return name.removesuffix("Spec").removesuffix("Rule")


def _type(one: dict[str, Any]) -> str:
    if one.get("description") in UNITS:
        return f"{one['description']}, as {one['examples'][0]}"
    if "$ref" in one:
        name = _plain(one["$ref"].rpartition("/")[2])
        return f"[{name}](#{name.lower()})"
    for many in ("anyOf", "oneOf"):
        if many in one:
            return " or ".join(dict.fromkeys(_type(part) for part in one[many] if part.get("type") != "null"))
    if "enum" in one:
        return ", ".join(f"`{value}`" for value in one["enum"])
    if "const" in one:
        return f"`{one['const']}`"
    return _container(one)


def _container(one: dict[str, Any]) -> str:
    match one.get("type"):
        case "array" if "prefixItems" in one:
            return " then ".join(_type(part) for part in one["prefixItems"])
        case "array":
            return f"list: {_type(one.get('items', {}))}"
        case "object":
            inner = one.get("additionalProperties")
            return f"by name: {_type(inner)}" if isinstance(inner, dict) else "keys and values"
        case str(name) if name in CALLED:
            bounds = {"minimum": "at least", "maximum": "at most", "exclusiveMinimum": "more than"}
            limits = [f"{word} {one[key]}" for key, word in bounds.items() if key in one]
            return ", ".join([CALLED[name], *limits])
        case _:
            return "anything"


def _default(one: dict[str, Any], *, required: bool) -> str:
    if required:
        return "**required**"
    value, unit = one.get("default"), _unit(one)
    if value in (None, "", [], {}):
        return ""
    if unit is not None and isinstance(value, (int, float)):
        return code(f"{value:g}{unit}")
    if isinstance(value, bool):
        return code(str(value).lower())
    if isinstance(value, dict):
        return ", ".join(f"{name} {code(entry)}" for name, entry in value.items() if entry not in (None, "", [], {}))
    return ", ".join(map(code, value)) if isinstance(value, list) else code(value)


def _unit(one: dict[str, Any]) -> str | None:
    parts = [one, *one.get("anyOf", [])]
    return next((UNITS[part["description"]] for part in parts if part.get("description") in UNITS), None)
