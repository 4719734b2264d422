"""Reading an OpenAPI 3 document: its operations, with what they take and give."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from gonogo.core.errors import UsageError
from gonogo.core.redact import Redactor

if TYPE_CHECKING:
    import yaml

METHODS = ("get", "post", "put", "patch", "delete")
JSON = "application/json"
FORM, MULTIPART, EVENTS = "application/x-www-form-urlencoded", "multipart/form-data", "text/event-stream"
FETCH_SECONDS = 10.0
MOST_BYTES = 16 * 2**20
DEEPEST = 12  # references followed in a row


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter of an operation."""

    name: str
    place: str  # path, query, header, cookie
    required: bool
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A method of a path. `body` and `answer` are JSON schemas (empty: none, or not said); the types, all named.

    `forms` holds the schemas of bodies that are forms, by type; `events` that of a stream's events, where it is said.
    """

    method: str
    path: str
    words: str  # operationId, summary and tags, for guessing
    parameters: tuple[Parameter, ...] = ()
    body: Mapping[str, Any]
    forms: Mapping[str, Mapping[str, Any]]
    body_types: tuple[str, ...] = ()
    answer: Mapping[str, Any]
    answer_types: tuple[str, ...] = ()
    events: Mapping[str, Any]
    error: Mapping[str, Any]  # of the first refusal that is described
    security: tuple[str, ...] = ()  # names of the schemes, of the first alternative

    @property
    def streams(self) -> bool:
        """Whether it answers only as a stream of events."""
        return EVENTS in self.answer_types and not self.answer

    @property
    def title(self) -> str:
        """METHOD /path."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenApi:
    """A document. `where` is the path it was fetched from, seen from the server's address; empty for a file."""

    data: Mapping[str, Any]
    operations: tuple[Operation, ...]
    schemes: Mapping[str, Mapping[str, Any]]
    where: str = ""

    def resolve(self, schema: Any) -> Mapping[str, Any]:
        """A schema with its reference followed, its `allOf` merged, the first real one of its alternatives taken."""
        return _resolve(self.data, schema)


def read_openapi(source: str) -> OpenApi:
    """Read a document from a file or an http(s) URL. Raises UsageError."""
    remote = source.startswith(("http://", "https://"))
    text = _fetch(source) if remote else _read(Path(source))
    source = Redactor().text(source)
    data = _parsed(text, source)
    version = str(data.get("openapi", ""))
    if not version.startswith("3"):
        found = f"Swagger {data['swagger']}" if "swagger" in data else "no OpenAPI document"
        raise UsageError(f"{source}: is {found}; OpenAPI 3 is needed")
    schemes = (data.get("components") or {}).get("securitySchemes") or {}
    try:
        return OpenApi(
            data=data,
            operations=tuple(operations_of(data)),
            schemes={str(name): _resolve(data, one) for name, one in schemes.items()},
            where=urlsplit(source).path if remote else "",
        )
    except (AttributeError, TypeError) as error:
        raise UsageError(f"{source}: is not formed as OpenAPI 3 wants it: {error}") from None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: is not UTF-8 text") from None


def _fetch(url: str) -> str:
    import httpx

    shown = Redactor().text(url)
    try:
        answer = httpx.get(url, timeout=FETCH_SECONDS, trust_env=False, follow_redirects=True)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UsageError(f"{shown}: does not answer: {str(error) or type(error).__name__}") from None
    if answer.status_code != 200 or len(answer.content) > MOST_BYTES:
        raise UsageError(f"{shown}: answered {answer.status_code} with {len(answer.content)} bytes")
    return answer.text


@cache
def json_like() -> type[yaml.SafeLoader]:
    """A loader of what JSON can say: a date stays its text, and a property may be called `on` or `no`."""
    import yaml

    class Loader(yaml.SafeLoader):
        pass

    kept = ("tag:yaml.org,2002:null", "tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
    Loader.yaml_implicit_resolvers = {
        first: [one for one in resolvers if one[0] in kept]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|True|false|False)$"), list("tTfF"))
    return Loader


def _parsed(text: str, source: str) -> dict[str, Any]:
    import yaml

    try:
        data = json.loads(text)
    except ValueError:
        try:
            data = yaml.load(text, Loader=json_like())  # noqa: S506 - a SafeLoader
        except (yaml.YAMLError, RecursionError) as error:
            problem = getattr(error, "problem", None) or type(error).__name__
            raise UsageError(f"{source}: is neither JSON nor YAML: {problem}") from None
    if not isinstance(data, dict):
        raise UsageError(f"{source}: is no OpenAPI document")
    return data


def operations_of(data: Mapping[str, Any]) -> Iterator[Operation]:
    """Every method of every path of a document."""
    for path, raw in (data.get("paths") or {}).items():
        item = _resolve(data, raw)
        for method in METHODS:
            if isinstance(item.get(method), dict):
                yield _operation(data, str(path), method, item)


def _operation(data: Mapping[str, Any], path: str, method: str, item: Mapping[str, Any]) -> Operation:
    one = item[method]
    body = _content(_resolve(data, one.get("requestBody") or {}))
    success = next(
        (_resolve(data, answer) for code, answer in (one.get("responses") or {}).items() if str(code).startswith("2")),
        {},
    )
    answer = _content(success)
    parameters = {
        (found.get("name"), found.get("in")): found
        for found in (_resolve(data, raw) for raw in [*(item.get("parameters") or ()), *(one.get("parameters") or ())])
    }
    wanted = one.get("security", data.get("security")) or ()
    return Operation(
        method=method.upper(),
        path=path,
        words=" ".join(map(str, [one.get("operationId", ""), one.get("summary", ""), *(one.get("tags") or ())])),
        parameters=tuple(
            Parameter(
                name=str(found.get("name")), place=str(found.get("in")), required=bool(found.get("required")),
                schema=_resolve(data, found.get("schema") or {}),
            )
            for found in parameters.values()
        ),
        body=_schema(data, body),
        forms={
            kind: _resolve(data, body[kind].get("schema") or {}) for kind in (MULTIPART, FORM) if kind in body
        },
        body_types=tuple(body),
        answer=_schema(data, answer),
        answer_types=tuple(answer),
        events=_resolve(data, answer[EVENTS].get("schema") or {}) if EVENTS in answer else {},
        error=_error(data, one.get("responses") or {}),
        security=tuple(next((one for one in wanted if one), {})),  # not the empty alternative: it shows less
    )  # fmt: skip


def _error(data: Mapping[str, Any], responses: Mapping[Any, Any]) -> Mapping[str, Any]:
    """The schema of the first answer in the four hundreds that has one."""
    described = (
        _schema(data, _content(_resolve(data, one))) for code, one in responses.items() if str(code)[:1] == "4"
    )
    return next(filter(None, described), {})


def _content(holder: Mapping[str, Any]) -> dict[str, Any]:
    content = holder.get("content")
    return {str(kind).partition(";")[0].strip(): one or {} for kind, one in content.items()} if content else {}


def _schema(data: Mapping[str, Any], content: Mapping[str, Any]) -> Mapping[str, Any]:
    kind = next((one for one in content if one == JSON or one.endswith("+json")), None)
    return _resolve(data, content[kind].get("schema") or {}) if kind else {}


def _resolve(data: Mapping[str, Any], schema: Any, depth: int = 0) -> Mapping[str, Any]:
    if not isinstance(schema, dict) or depth > DEEPEST:
        return {}
    if "$ref" in schema:
        return _resolve(data, _target(data, str(schema["$ref"])), depth + 1)
    if isinstance(schema.get("allOf"), list):
        merged: dict[str, Any] = {key: value for key, value in schema.items() if key != "allOf"}
        for part in schema["allOf"]:
            found = _resolve(data, part, depth + 1)
            properties = {**merged.get("properties", {}), **found.get("properties", {})}
            required = [*merged.get("required", ()), *found.get("required", ())]
            merged = {**found, **merged, "properties": properties, "required": required}
        return merged
    for alternatives in ("anyOf", "oneOf"):
        if isinstance(schema.get(alternatives), list):
            able = (_resolve(data, one, depth + 1) for one in schema[alternatives])
            return next((one for one in able if one and one.get("type") != "null"), {})
    return schema


def _target(data: Mapping[str, Any], reference: str) -> Any:
    """What a reference into the same document names; nothing for one into another file."""
    found: Any = data if reference.startswith("#/") else {}
    for part in reference.removeprefix("#/").split("/"):
        found = found.get(part.replace("~1", "/").replace("~0", "~"), {}) if isinstance(found, dict) else {}
    return found
