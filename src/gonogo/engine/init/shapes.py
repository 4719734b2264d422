"""From JSON schemas to what a contract says: templates of bodies, JSONPaths into answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gonogo.engine.init.secrets import looks_secret

Schema = Mapping[str, Any]
Resolve = Callable[[Any], Schema]
DEEPEST = 5
TENANT_NAME = re.compile(
    r"(tenant|org|organization|organisation|workspace|account|customer|namespace|project|team)(_?(id|name|slug|key))?"
)
FILL_IN = "FILL-IN"
PLAIN_KEY = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
DOCUMENT = ("document_id", "doc_id", "documentid", "docid", "source_id", "file_id", "memory_id", "note_id")
HOLDERS = ("document", "doc", "source", "metadata", "payload", "item", "node", "memory")
IDS = ("id", "_id", "uuid", "key")
CHUNK = ("chunk_id", "passage_id", "segment_id", "node_id", "chunkid")
TEXT = ("text", "content", "page_content", "passage", "snippet", "chunk", "body", "excerpt")
SCORE = ("score", "similarity", "relevance", "relevance_score", "distance", "rank_score")
ANSWER = ("answer", "response", "reply", "output", "completion", "message", "text", "content", "result")
SOURCES = ("sources", "citations", "references", "source_documents", "documents", "context", "contexts", "chunks")
TOKENS = ("delta", "token", "chunk")  # of an event
TURNS = ("turns", "turn")


@dataclass(slots=True)
class Template:
    """A body under construction: which placeholders it has, and what a person must fill in."""

    roles: Mapping[str, tuple[str, ...]]  # placeholder -> names that properties have for it, best first
    resolve: Resolve
    used: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)

    def of(self, schema: Schema, *, optional: bool = False, depth: int = 0) -> Any:
        """A body: recognised properties become placeholders, required ones their default; `optional` goes deeper."""
        kind = kind_of(schema)
        if kind == "array" and depth < DEEPEST:
            return [self.of(self.resolve(schema.get("items")), optional=optional, depth=depth + 1)]
        if kind != "object" or depth >= DEEPEST:
            return _constant(schema)
        properties = {name: self.resolve(one) for name, one in (schema.get("properties") or {}).items()}
        chosen, made = self._chosen(properties), {}
        for name, one in properties.items():
            needed = name in (schema.get("required") or ())
            if name in chosen:
                self.used.append(chosen[name])
                made[name] = _placeholder(chosen[name], one)
            elif kind_of(one) in {"object", "array"} and (needed or optional):
                if (found := self.of(one, optional=optional, depth=depth + 1)) not in ({}, [{}]):
                    made[name] = found
            elif needed and TENANT_NAME.fullmatch(simple(name)) and kind_of(one) == "string":
                made[name] = "{tenant}"
                self.used.append("tenant")
            elif needed:
                made[name] = _constant(one)
                if made[name] == FILL_IN:
                    self.open.append(name)
        return made

    def _chosen(self, properties: Mapping[str, Schema]) -> dict[str, str]:
        """Property -> placeholder: for each one not used yet, the property of the best name and a fitting type."""
        found: dict[str, str] = {}
        for placeholder, names in self.roles.items():
            fitting = [p for p in properties if self._fits(placeholder, properties[p]) and p not in found]
            match = next((p for name in names for p in fitting if simple(p) in {name, f"{name}s"}), None)
            if match and placeholder not in self.used:
                found[match] = placeholder
        return found

    def _fits(self, placeholder: str, schema: Schema) -> bool:
        kind = kind_of(schema)
        if placeholder == "k":
            return kind in {"integer", "number"}
        return kind == "string" or (kind == "array" and kind_of(self.resolve(schema.get("items"))) == "string")


def _placeholder(name: str, schema: Schema) -> Any:
    return [f"{{{name}}}"] if kind_of(schema) == "array" else f"{{{name}}}"


def _constant(schema: Schema) -> Any:
    """A value that the schema itself suggests."""
    for key in ("const", "default", "example"):
        if schema.get(key) is not None and not looks_secret(str(schema[key])):
            return schema[key]
    for key in ("enum", "examples"):
        found = [one for one in schema.get(key) or [] if not looks_secret(str(one))]
        if isinstance(schema.get(key), list) and found:
            return "user" if "user" in found else found[0]
    return {"integer": 1, "number": 1, "boolean": False, "object": {}, "array": []}.get(kind_of(schema), FILL_IN)


def kind_of(schema: Schema) -> str:
    """The type of a schema; of several, the one that is not null; an untyped one with properties is an object."""
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "")
    return str(kind or ("object" if "properties" in schema else "array" if "items" in schema else ""))


def simple(name: str) -> str:
    """`topK`, `top-k` and `top_k` alike.

    >>> simple("topK"), simple("Document-ID"), simple("docID")
    ('top_k', 'document_id', 'doc_id')
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).replace("-", "_").lower()


def places(schema: Schema, resolve: Resolve, path: str = "$", depth: int = 0) -> Iterator[tuple[str, str, Schema]]:
    """Everything in an object: path, simple name, schema; the nearest first. Of a list inside, its first entry."""
    if depth > DEEPEST:
        return
    properties = {name: resolve(one) for name, one in (schema.get("properties") or {}).items()}
    for name, one in properties.items():
        yield path + step(name), simple(name), one
    for name, one in properties.items():
        below, inner = path + step(name), one
        for _ in range(DEEPEST):
            if kind_of(inner) == "array":
                below, inner = f"{below}[0]", resolve(inner.get("items"))
        if kind_of(inner) == "object":
            yield from places(inner, resolve, below, depth + 1)


def lists(schema: Schema, resolve: Resolve, path: str = "$", depth: int = 0) -> Iterator[tuple[str, Schema]]:
    """Every list in an answer, as the JSONPath of its entries and their schema; the nearest first."""
    if depth > DEEPEST:
        return
    if kind_of(schema) == "array":
        entry = resolve(schema.get("items"))
        if kind_of(entry) != "array":
            yield f"{path}[*]", entry
        yield from lists(entry, resolve, f"{path}[*]", depth + 1)
        return
    properties = {name: resolve(one) for name, one in (schema.get("properties") or {}).items()}
    ordered = sorted(properties.items(), key=lambda pair: kind_of(pair[1]) != "array")
    for name, one in ordered:
        if kind_of(one) in {"array", "object"}:
            yield from lists(one, resolve, path + step(name), depth + 1)


def step(name: str) -> str:
    """One step of a JSONPath."""
    return f".{name}" if PLAIN_KEY.match(name) else f"['{name}']"


def scalar_at(found: Sequence[tuple[str, str, Schema]], names: Sequence[str], kinds: set[str]) -> str | None:
    """The path of the first scalar that has one of the names, by the order of the names."""
    return next((path for name in names for path, own, one in found if own == name and kind_of(one) in kinds), None)


def document_path(entry: Schema, resolve: Resolve, *, in_lists: bool = False) -> tuple[str, bool] | None:
    """Where an entry holds its document's id, and whether the name says so (a bare `id` may be a chunk's).

    Lists inside it are looked into on demand only: what they hold are its parts, not itself.
    """
    found, scalar = (
        [one for one in places(entry, resolve) if in_lists or "[0]" not in one[0]],
        {"string", "integer", "number", ""},
    )
    if path := scalar_at(found, DOCUMENT, scalar):
        return path, True
    held = [
        (path, own, one)
        for path, own, one in found
        if any(holder == simple(part) for part in re.split(r"[.\[\]0-9]+", path)[1:-1] for holder in HOLDERS)
    ]
    if path := scalar_at(held, IDS, scalar):
        return path, True
    return (path, False) if (path := scalar_at(found, IDS, scalar)) else None


def column_paths(answer: Schema, resolve: Resolve) -> dict[str, str]:
    """Where hits stand in lists beside each other, perhaps in one list for each query: document, text, score."""
    columns = {}
    for name, one in ((name, resolve(one)) for name, one in (answer.get("properties") or {}).items()):
        path, inner = f"${step(name)}", one
        while kind_of(inner) == "array" and path.count("[") < DEEPEST:
            path, inner = f"{path}[0]", resolve(inner.get("items"))
        if path.endswith("[0]"):
            columns[simple(name)] = (
                f"{path.removesuffix('[0]')}[*]",
                kind_of(inner),
                name in answer.get("required", ()),
            )
    wanted = {"document": ((*DOCUMENT, *IDS), {"string", "integer"}), "text": ((*TEXT, "document"), {"string"}),
              "score": (SCORE, {"number", "integer"})}  # fmt: skip
    found = {}
    for part, (names, kinds) in wanted.items():
        match = next((columns[f"{n}s"] for n in names if f"{n}s" in columns and columns[f"{n}s"][1] in kinds), None)
        if match:
            found[part] = match[0] if match[2] or part == "document" else f"{match[0]}?"
    return found if "document" in found else {}


def hit_paths(entry: Schema, resolve: Resolve) -> dict[str, str]:
    """What is inside one hit: document, chunk, text, score; those that are there."""
    found = list(places(entry, resolve))
    document = document_path(entry, resolve)
    chunk = scalar_at(found, CHUNK, {"string", "integer"})
    paths = {
        "document": document[0] if document else None,
        "chunk": chunk if document and chunk != document[0] else None,
        "text": scalar_at(found, TEXT, {"string"}),
        "score": scalar_at(found, SCORE, {"number", "integer"}),
    }
    return {name: path for name, path in paths.items() if path}
