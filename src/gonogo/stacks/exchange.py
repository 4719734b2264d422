"""One request and its answer: templates that are filled, values that are picked out by JSONPath."""

from __future__ import annotations

import json as jsonlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from gonogo.core.errors import NotMeasurable, UsageError

if TYPE_CHECKING:
    from jsonpath import CompoundJSONPath, JSONPath

PLACEHOLDER = re.compile(r"\{([a-z_][a-z0-9_]*)\}")
KEYS_SHOWN = 12
OPTIONAL = "?"  # ends a JSONPath that may select nothing


OVERLOADED = (0, 503, 504)  # what a service answers also where its host leaves it no time; 0: nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back for one request. `status` is None where no answer came, then `error` says why.

    `broken` says why a success is none: a stream that was cut, or that carries an error.
    """

    request: str  # METHOD /path, for messages
    status: int | None = None
    headers: Mapping[str, str]  # names in lower case
    body: bytes = b""
    error: str = ""
    broken: str = ""
    failed: bool = False  # of a broken stream: it carries an error of the service, so it was not merely cut
    arrivals: tuple[tuple[int, float], ...] = ()  # of a stream: how many bytes had come after how many seconds
    started: float  # monotonic seconds
    seconds: float  # until the last byte, or until it was given up

    @property
    def ok(self) -> bool:
        """Whether the status says success, and a stream came to its end."""
        return self.status is not None and 200 <= self.status < 300 and not self.broken

    @property
    def code(self) -> int:
        """The status for those who count: 0 where no answer came, or a success was none."""
        return 0 if self.status is None or self.broken else self.status

    @property
    def rate_limited(self) -> bool:
        """Whether the service refused because gonogo asked too often: it is neither down nor wrong then."""
        return self.status == 429

    @property
    def text(self) -> str:
        """The body as text; bytes that are no UTF-8 are replaced."""
        return self.body.decode(errors="replace")

    @property
    def outcome(self) -> str:
        """The status, or why there is none: for messages."""
        if self.status is None:
            return self.error
        return f"{self.status}, but {self.broken}" if self.broken else str(self.status)

    def json(self) -> Any:
        """The body as JSON. Raises NotMeasurable when it is none."""
        try:
            return jsonlib.loads(self.body)
        except ValueError as error:
            raise NotMeasurable(f"{self.request} answered {self.outcome} with a body that is no JSON") from error


def fill(template: Any, values: Mapping[str, Any]) -> Any:
    """Fill the `{name}` placeholders of a JSON template; a string that is one placeholder takes the value's own type.

    >>> fill({"query": "about {query}", "k": "{k}"}, {"query": "tides", "k": 5})
    {'query': 'about tides', 'k': 5}
    """
    if isinstance(template, str):
        whole = PLACEHOLDER.fullmatch(template)
        return _value(whole[1], values) if whole else _filled(template, values)
    if isinstance(template, dict):
        return {key: fill(entry, values) for key, entry in template.items()}
    if isinstance(template, list):
        return [fill(entry, values) for entry in template]
    return template


def fill_path(template: str, values: Mapping[str, Any]) -> str:
    """Fill the placeholders of a path, percent-encoded; slashes stay.

    >>> fill_path("/documents/{id}", {"id": "notes/größe 1"})
    '/documents/notes/gr%C3%B6%C3%9Fe%201'
    """
    encoded = {name: quote(str(value), safe="/") for name, value in values.items()}
    return _filled(template, encoded)


def _filled(text: str, values: Mapping[str, Any]) -> str:
    return PLACEHOLDER.sub(lambda match: str(_value(match[1], values)), text)


def _value(name: str, values: Mapping[str, Any]) -> Any:
    if name not in values:
        raise NotMeasurable(f"there is no value for the placeholder {{{name}}} (known: {', '.join(values)})")
    return values[name]


@cache
def _compiled(path: str) -> JSONPath | CompoundJSONPath:
    import jsonpath  # noqa: PLC0415 - 0.1 s that listing and planning need not pay

    try:
        return jsonpath.compile(path)
    except jsonpath.JSONPathError as error:
        raise UsageError(f"{path!r} is no JSONPath: {error}") from error


def check_path(path: str) -> None:
    """See that a text is a JSONPath, perhaps an optional one. Raises UsageError."""
    _compiled(path.removesuffix(OPTIONAL))


def select(path: str, data: Any, request: str) -> list[Any]:
    """What a JSONPath selects. Nothing is fine for one that ends in `?`, and for `[*]` over lists that are all empty.

    Raises NotMeasurable naming path and request: a typo must not look like an empty answer.

    >>> select("$.groups[*].hits[*].id", {"groups": [{"hits": []}]}, "POST /search"), select("$.id?", {}, "GET /")
    ([], [])
    """
    plain = path.removesuffix(OPTIONAL)
    found = _compiled(plain).findall(data)
    if not found and plain == path and not _over_empty_lists(plain, data):
        raise NotMeasurable(f"{path} selects nothing in the answer to {request}{_keys(data)}")
    return found


def first(path: str, data: Any, request: str) -> Any:
    """The first thing that a JSONPath selects; None where it may select nothing. Raises NotMeasurable."""
    found = select(path, data, request)
    if not found and not path.endswith(OPTIONAL):
        raise NotMeasurable(f"{path} selects nothing in the answer to {request}: the list is empty")
    return found[0] if found else None


def _over_empty_lists(path: str, data: Any) -> bool:
    """Whether one of its `[*]` goes over lists that are there and empty."""
    at = path.find("[*]")
    while at >= 0:
        listed = _compiled(path[:at]).findall(data)
        if listed and all(one == [] for one in listed):
            return True
        at = path.find("[*]", at + 1)
    return False


def _keys(data: Any) -> str:
    """A hint of what is there instead."""
    if isinstance(data, dict):
        return f" (its keys: {', '.join(map(str, list(data)[:KEYS_SHOWN])) or 'none'})"
    return f" (it is a list of {len(data)})" if isinstance(data, list) else f" (it is {type(data).__name__})"
