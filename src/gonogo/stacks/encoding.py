"""From a request as the contract writes it to what goes over the wire."""

from __future__ import annotations

import json as jsonlib
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from gonogo.spec.contract import FileSpec, SendSpec
from gonogo.spec.references import REFERENCE
from gonogo.stacks.exchange import fill, fill_path

Sent = TypeVar("Sent", bound=SendSpec)
JSON, FORM, MULTIPART = "application/json", "application/x-www-form-urlencoded", "multipart/form-data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A request with everything filled in. `path` holds the query."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None = None

    @property
    def title(self) -> str:
        """METHOD /path, for messages."""
        return f"{self.method} {self.path}"

    def with_query(self, query: Mapping[str, str]) -> Prepared:
        """The same with more in its query."""
        return replace(self, path=extended(self.path, query)) if query else self

    def with_headers(self, headers: Mapping[str, str]) -> Prepared:
        """The same with headers for those that it has not itself."""
        own = {name.lower() for name in self.headers}
        return replace(self, headers={**{k: v for k, v in headers.items() if k.lower() not in own}, **self.headers})


def prepared(spec: SendSpec, values: Mapping[str, Any]) -> Prepared:
    """A request with its placeholders filled in. Raises NotMeasurable for a placeholder that has no value."""
    body, kind = body_of(spec, values)
    headers = {name: str(fill(value, values)) for name, value in spec.headers.items()}
    path = extended(fill_path(spec.path, values), {name: fill(value, values) for name, value in spec.query.items()})
    made = Prepared(method=spec.method, path=path, headers=headers, body=body)
    return made.with_headers({"Content-Type": kind} if kind else {})


def body_of(spec: SendSpec, values: Mapping[str, Any]) -> tuple[bytes | None, str | None]:
    """The body and its type; None and None where there is none."""
    if spec.json_ is not None:
        return jsonlib.dumps(fill(spec.json_, values)).encode(), JSON
    if spec.form is not None:
        return urlencode({name: _text(fill(value, values)) for name, value in spec.form.items()}).encode(), FORM
    if spec.multipart is not None:
        boundary = f"gonogo-{secrets.token_hex(16)}"
        return multipart(spec.multipart, values, boundary), f"{MULTIPART}; boundary={boundary}"
    return None, None


def multipart(parts: Mapping[str, Any], values: Mapping[str, Any], boundary: str) -> bytes:
    """The parts of a form, one after the other.

    >>> multipart({"title": "{title}"}, {"title": "Tides"}, "b").decode().splitlines()
    ['--b', 'Content-Disposition: form-data; name="title"', '', 'Tides', '--b--']
    """
    pieces = []
    for name, part in parts.items():
        head = f'Content-Disposition: form-data; name="{_quoted(name)}"'
        if isinstance(part, FileSpec):
            head += f'; filename="{_quoted(_text(fill(part.name, values)))}"\r\nContent-Type: {part.type}'
            part = part.content  # noqa: PLW2901 - a file is its content from here on
        pieces.append(f"--{boundary}\r\n{head}\r\n\r\n{_text(fill(part, values))}\r\n")
    return ("".join(pieces) + f"--{boundary}--\r\n").encode()


def extended(path: str, query: Mapping[str, Any]) -> str:
    """A path with more in its query.

    >>> extended("/search?lang=en", {"q": "low & high", "k": 5})
    '/search?lang=en&q=low%20%26%20high&k=5'
    """
    if not query:
        return path
    encoded = urlencode({name: _text(value) for name, value in query.items()}, quote_via=quote)
    return f"{path}{'&' if '?' in path else '?'}{encoded}"


def resolved(spec: Sent, resolve: Callable[[str], str]) -> Sent:
    """A request with the references of the stack file replaced; done before anything that a service said is filled in.

    Raises UsageError for an unknown reference.
    """

    def deep(value: Any) -> Any:
        if isinstance(value, str):
            return resolve(value) if REFERENCE.search(value) else value
        if isinstance(value, dict):
            return {name: deep(one) for name, one in value.items()}
        if isinstance(value, (list, tuple)):
            return [deep(one) for one in value]
        return value.model_copy(update=deep(dict(value))) if isinstance(value, FileSpec) else value

    sending = {name: deep(getattr(spec, name)) for name in SendSpec.model_fields}
    return spec.model_copy(update=sending)


def _text(value: Any) -> str:
    """A value as a form or a query says it: true, not True."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _quoted(text: str) -> str:
    return re.sub(r'["\r\n]', lambda match: quote(match[0]), text)
