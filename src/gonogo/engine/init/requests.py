"""The sending half of a request: an operation's path, query, headers and body with gonogo's placeholders in them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gonogo.engine.init.openapi import FORM, JSON, MULTIPART, OpenApi, Operation
from gonogo.engine.init.shapes import FILL_IN, TENANT_NAME, Template, kind_of, simple

# What properties are called that take what gonogo fills in, the likeliest first.
QUESTIONS = (
    "query",
    "q",
    "question",
    "search_query",
    "query_text",
    "search",
    "term",
    "text",
    "input",
    "prompt",
    "queries",
)
COUNTS = ("top_k", "k", "topk", "limit", "n_results", "num_results", "max_results", "n", "count", "match_count", "size")
MESSAGES = ("message", "question", "query", "prompt", "user_input", "input", "content", "text", "q")
SESSIONS = ("session", "session_id", "conversation_id", "conversation", "thread_id", "chat_id")
TEXTS = ("text", "content", "page_content", "body", "document", "memory", "data")
TITLES = ("title", "name", "filename", "subject", "file_name")
OWN_IDS = ("id", "document_id", "doc_id", "external_id")
TENANT = re.compile(r"(?i)(tenant|org|workspace|account|customer|client|user|namespace)")
PLACEHOLDER = re.compile(r"\{[^{}]+\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """The sending half of a request."""

    spec: dict[str, Any]
    used: tuple[str, ...]
    open: tuple[str, ...]


def make_request(api: OpenApi, one: Operation, roles: Mapping[str, tuple[str, ...]], own: str | None = None) -> Made:
    """Path, query and body with placeholders. `own`: the placeholder that the last one of the path becomes."""
    template, query = Template(roles, api.resolve), _query(one)
    key, body = _body(one, template)
    main = next(iter(roles), None)
    if one.body and main and main not in template.used:  # perhaps deeper, in something that may be left out
        template = Template(roles, api.resolve)
        body = template.of(one.body, optional=True)
    asked = template.of(query) if query.get("properties") else {}
    names = PLACEHOLDER.findall(one.path)
    path = one.path
    for name in names:
        path = path.replace(name, f"{{{_of_path(name, names, own, template)}}}".replace(f"{{{FILL_IN}}}", FILL_IN), 1)
    if asked:
        path += "?" + "&".join(f"{name}={_in_query(value)}" for name, value in asked.items())
    headers = {
        p.name: FILL_IN for p in one.parameters if p.place == "header" and p.required and not _identifies(p.name)
    }
    spec = {"request": f"{one.method} {path}", **given(headers=headers or None), **given(**{key: body})}
    return Made(spec=spec, used=tuple(template.used), open=(*template.open, *headers))


def _of_path(name: str, names: list[str], own: str | None, template: Template) -> str:
    """What a placeholder of a path becomes: the document's, the tenant's, or a gap."""
    plain = name.strip("{}")
    if own and name == names[-1]:
        template.used.append(own)
        return own
    if TENANT_NAME.fullmatch(simple(plain)):
        template.used.append("tenant")
        return "tenant"
    template.open.append(plain)
    return FILL_IN


def _body(one: Operation, template: Template) -> tuple[str, Any]:
    """The key of the contract, and the body; JSON where a service takes several."""
    if one.body or not one.forms:
        return "json", template.of(one.body) if one.body else None
    kind, schema = next(iter(one.forms.items()))
    if kind == FORM:
        return "form", _flat(template.of(schema))
    properties = {name: template.resolve(part) for name, part in (schema.get("properties") or {}).items()}
    files = [name for name, part in properties.items() if _is_file(part, template)]
    parts: dict[str, Any] = {}
    if files and "text" in template.roles:
        template.used.append("text")
        parts[files[0]] = {"name": "{id}.txt", "content": "{text}", "type": "text/plain"}
    template.open += [name for name in files[1:] if name in (schema.get("required") or ())]
    rest = {**schema, "properties": {name: part for name, part in properties.items() if name not in files}}
    return "multipart", {**parts, **_flat(template.of(rest))}


def _is_file(schema: Mapping[str, Any], template: Template) -> bool:
    inner = template.resolve(schema.get("items")) if kind_of(schema) == "array" else schema
    return inner.get("format") == "binary" or "contentMediaType" in inner


def _flat(body: Any) -> dict[str, Any]:
    """Fields of a form: of a list its first entry."""
    fields = {name: value[0] if isinstance(value, list) and value else value for name, value in body.items()}
    return {name: value for name, value in fields.items() if isinstance(value, (str, int, float, bool))}


def _query(one: Operation) -> dict[str, Any]:
    """The parameters in the query, as if they were a body."""
    found = [p for p in one.parameters if p.place == "query"]
    return {
        "type": "object", "properties": {p.name: p.schema for p in found},
        "required": [p.name for p in found if p.required],
    }  # fmt: skip


def _in_query(value: Any) -> str:
    one = value[0] if isinstance(value, list) and value else value
    return re.sub(r"\s", "%20", str(one))


def _identifies(header: str) -> bool:
    return bool(TENANT.search(header)) or header.lower() == "authorization"


def inexpressible(one: Operation) -> str | None:
    """What a contract cannot say about a request."""
    known = any(kind in {JSON, FORM, MULTIPART} or kind.endswith("+json") for kind in one.body_types)
    if one.body_types and not known:
        return f"{one.title} takes {', '.join(one.body_types)}: a body is JSON or a form"
    return None


def given(**values: Any) -> dict[str, Any]:
    """Those that are not None."""
    return {name: value for name, value in values.items() if value is not None}
