"""The sending half of a request: an operation's path, query, headers and body with gonogo's placeholders in them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gonogo.engine.init.openapi import JSON, OpenApi, Operation
from gonogo.engine.init.shapes import FILL_IN, Template

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
    template, query, spec = Template(roles, api.resolve), _query(one), {}
    body = template.of(one.body) if one.body else None
    main = next(iter(roles), None)
    if one.body and main and main not in template.used:  # perhaps deeper, in something that may be left out
        template = Template(roles, api.resolve)
        body = template.of(one.body, optional=True)
    asked = template.of(query) if query.get("properties") else {}
    names = PLACEHOLDER.findall(one.path)
    path = PLACEHOLDER.sub(lambda match: f"{{{own}}}" if own and match[0] == names[-1] else FILL_IN, one.path)
    if own:
        template.used.append(own)
    template.open += [name.strip("{}") for name in (names[:-1] if own else names)]
    if asked:
        path += "?" + "&".join(f"{name}={_in_query(value)}" for name, value in asked.items())
    headers = {
        p.name: FILL_IN for p in one.parameters if p.place == "header" and p.required and not _identifies(p.name)
    }
    spec = {"request": f"{one.method} {path}", **given(headers=headers or None, json=body)}
    return Made(spec=spec, used=tuple(template.used), open=(*template.open, *headers))


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
    """What a contract cannot say yet about a request."""
    if one.body_types and not any(kind == JSON or kind.endswith("+json") for kind in one.body_types):
        return f"{one.title} takes {', '.join(one.body_types)}: only JSON bodies are supported yet"
    if one.answer_types == ("text/event-stream",):
        return f"{one.title} answers a stream of events (SSE): not supported yet"
    return None


def given(**values: Any) -> dict[str, Any]:
    """Those that are not None."""
    return {name: value for name, value in values.items() if value is not None}
