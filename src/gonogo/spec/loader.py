"""YAML → models. Every problem at once, each with file, line, what was found, what is allowed and "did you mean"."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from gonogo.core.errors import Problem, SpecError
from gonogo.core.suggestion import did_you_mean

Model = TypeVar("Model", bound=BaseModel)
Path_ = tuple[str | int, ...]

# The YAML 1.2 core schema: `on` and `no` are words, `12:30` and `2027-01-31` are text, `1e3` is a number.
BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
NULLS = {"", "~", "null", "Null", "NULL"}
INTEGER = re.compile(r"^[-+]?[0-9](?:_?[0-9])*$")
FLOAT = re.compile(r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$")
TAG = "tag:yaml.org,2002:"
TAGS = {f"{TAG}{name}" for name in ("str", "int", "float", "bool", "null", "timestamp", "merge", "value")}
NESTED = "is nested too deeply"
MOST_NODES = 20_000  # aliases can make a small file explode


class Mark(NamedTuple):
    """A place in a file, counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A parsed file: plain data, and where each key and value stands."""

    path: Path
    data: Any
    marks: dict[Path_, Mark]
    problems: tuple[Problem, ...] = ()  # found while parsing; reported together with those of the model

    def mark(self, location: Path_) -> Mark:
        """The place of a location, or of the nearest thing around it."""
        for length in range(len(location), -1, -1):
            if location[:length] in self.marks:
                return self.marks[location[:length]]
        return Mark(1, 1)

    def problem(self, location: Path_, message: str) -> Problem:
        """A problem at a location."""
        mark = self.mark(location)
        return Problem(file=str(self.path), line=mark.line, column=mark.column, message=message)

    def validate(self, model: type[Model], *, data: Any = None, at: Path_ = ()) -> Model:
        """The data (or a part of it, standing at `at`) as a model. Raises SpecError with every problem."""
        content = self.data if data is None and not at else data
        problems = list(self.problems)
        try:
            validated = model.model_validate(content)
        except ValidationError as error:
            problems += _problems(self, model, error, at)
        if problems:
            raise SpecError(sorted(problems, key=lambda problem: (problem.line, problem.column)))
        return validated


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded(Generic[Model]):
    """A model with the document it came from."""

    spec: Model
    document: Document

    @property
    def path(self) -> Path:
        """Its file."""
        return self.document.path


def load(path: Path, model: type[Model]) -> Loaded[Model]:
    """Read and validate one file. Raises SpecError."""
    document = parse(path)
    return Loaded(spec=document.validate(model), document=document)


def parse(path: Path) -> Document:
    """Read one YAML file. Raises SpecError for unreadable files, bad syntax, duplicate keys, several documents."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SpecError([_at(path, 1, 1, f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError as error:
        raise SpecError([_at(path, 1, 1, f"is not UTF-8 text: {error.reason}")]) from None
    try:
        root = _compose(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise SpecError([_at(path, line, column, f"is not valid YAML: {error.problem or error}")]) from None
    except yaml.YAMLError as error:
        raise SpecError([_at(path, 1, 1, f"is not valid YAML: {error}")]) from None
    except RecursionError:
        raise SpecError([_at(path, 1, 1, NESTED)]) from None
    if root is None:
        raise SpecError([_at(path, 1, 1, "is empty")])
    builder = _Builder(path)
    try:
        data = builder.build(root, ())
    except RecursionError:
        raise SpecError([_at(path, 1, 1, NESTED)]) from None
    return Document(path=path, data=data, marks=builder.marks, problems=tuple(builder.problems))


class _Untagged:
    """Gives scalars without a tag no other than text: what they mean is decided here, so looking twice is left out."""

    def descend_resolver(self, *_: object) -> None:
        """Nothing depends on where a node stands."""

    def ascend_resolver(self) -> None:
        """Nothing depends on where a node stands."""

    def resolve(self, *_: object) -> str:
        """The tag of a node that has none written."""
        return f"{TAG}str"


class _Slow(_Untagged, yaml.SafeLoader):
    """PyYAML's own parser."""


if yaml.__with_libyaml__:

    class _Fast(_Untagged, yaml.CSafeLoader):
        """libyaml."""


def _compose(text: str) -> Node | None:
    """The root node. libyaml is eight times as fast; what it refuses, PyYAML's own parser judges, in its own words."""
    if yaml.__with_libyaml__:
        with suppress(yaml.YAMLError):
            return yaml.compose(text, Loader=_Fast)
    return yaml.compose(text, Loader=_Slow)


def _at(path: Path, line: int, column: int, message: str) -> Problem:
    return Problem(file=str(path), line=line, column=column, message=message)


class _Builder:
    """Builds data and marks in one walk over the nodes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.marks: dict[Path_, Mark] = {}
        self.problems: list[Problem] = []
        self._nodes = 0

    def build(self, node: Node, location: Path_) -> Any:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise SpecError([self._problem(node, f"has more than {MOST_NODES} nodes (aliases count each time)")])
        self.marks.setdefault(location, Mark(node.start_mark.line + 1, node.start_mark.column + 1))
        if isinstance(node, MappingNode):
            return self._mapping(node, location)
        if isinstance(node, SequenceNode):
            return [self.build(entry, (*location, index)) for index, entry in enumerate(node.value)]
        assert isinstance(node, ScalarNode)
        return self._scalar(node)

    def _mapping(self, node: MappingNode, location: Path_) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                self.problems.append(self._problem(key_node, "a key must be plain text"))
                continue
            key = key_node.value
            if key in result:
                first = self.marks[(*location, key)].line
                self.problems.append(self._problem(key_node, f"duplicate key {key!r}, first used in line {first}"))
                continue
            self.marks[(*location, key)] = Mark(key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            result[key] = self.build(value_node, (*location, key))
        return result

    def _scalar(self, node: ScalarNode) -> Any:
        text: str = node.value
        if node.tag not in TAGS:
            self.problems.append(self._problem(node, f"tag {node.tag} is not allowed"))
        if node.style in {"'", '"', "|", ">"}:
            return text
        if text in NULLS:
            return None
        if text in BOOLEANS:
            return BOOLEANS[text]
        if INTEGER.match(text):
            return int(text.replace("_", ""))
        return float(text) if FLOAT.match(text) else text

    def _problem(self, node: Node, message: str) -> Problem:
        return _at(self.path, node.start_mark.line + 1, node.start_mark.column + 1, message)


def _problems(document: Document, model: type[BaseModel], error: ValidationError, at: Path_) -> list[Problem]:
    found = []
    for detail in error.errors(include_url=False):
        location = tuple(part for part in detail["loc"] if not _is_branch(part))
        message = _message(model, detail, location)
        found.append(document.problem((*at, *location), f"{_dotted((*at, *location))}: {message}"))
    return found


def _is_branch(part: str | int) -> bool:
    """Pydantic names the branch of a union in the location; users never wrote it."""
    return isinstance(part, str) and (part in {"int", "float", "str", "bool"} or "[" in part)


def _message(model: type[BaseModel], detail: Any, location: Path_) -> str:
    kind, found = detail["type"], detail.get("input")
    if kind == "extra_forbidden":
        allowed = _keys_at(model, location[:-1])
        return f"unknown key{did_you_mean(str(location[-1]), allowed)}" + (
            f" (allowed: {', '.join(allowed)})" if allowed else ""
        )
    if kind == "missing":
        return "is required"
    if kind == "enum":
        expected = str(detail.get("ctx", {}).get("expected", ""))
        allowed = re.findall(r"'([^']+)'", expected)
        return f"found {found!r}{did_you_mean(str(found), allowed)}; allowed: {', '.join(allowed)}"
    text: str = detail["msg"].removeprefix("Value error, ")
    shown = "" if isinstance(found, (dict, list)) or kind == "value_error" else f" (found {found!r})"
    return text[0].lower() + text[1:] + shown


def _dotted(location: Path_) -> str:
    return ".".join(str(part) for part in location) or "file"


def _keys_at(model: type[BaseModel], location: Path_) -> list[str]:
    """The keys allowed at a location, as users write them."""
    current: Any = model
    for part in location:
        current = _step(current, part)
    fields = getattr(current, "model_fields", {})
    return [field.alias or name for name, field in fields.items()]


def _step(current: Any, part: str | int) -> Any:
    """The type below one key or index: through optionals, unions, lists and mappings to the model inside."""
    fields = getattr(current, "model_fields", None)
    if fields is None:
        return _inner_model(current)
    for name, field in fields.items():
        if part in {name, field.alias}:
            return _unwrapped(field.annotation)
    return None


def _unwrapped(annotation: Any) -> Any:
    """`Model | None` → Model; containers stay, so that the next step can go below them."""
    arguments = getattr(annotation, "__args__", ())
    origin = getattr(annotation, "__origin__", None)
    if origin in {dict, list, tuple}:
        return annotation
    models = [argument for argument in arguments if argument is not type(None)]
    return _unwrapped(models[0]) if models else annotation


def _inner_model(annotation: Any) -> Any:
    arguments = [argument for argument in getattr(annotation, "__args__", ()) if argument is not Ellipsis]
    return _unwrapped(arguments[-1]) if arguments else None
