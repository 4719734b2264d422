"""YAML → models. Every problem at once, each with file, line, what was found, what is allowed and "did you mean"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from gonogo.core.errors import Problem, SpecError
from gonogo.core.memory import Memory
from gonogo.core.suggestion import did_you_mean
from gonogo.spec.place import Location, Mark, Marks

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A parsed file: plain data, and where each key and value stands."""

    path: Path
    data: Any
    marks: Marks
    problems: tuple[Problem, ...] = ()  # found while parsing; reported together with those of the model

    def mark(self, location: Location) -> Mark:
        """The place of a location, or of the nearest thing around it."""
        for length in range(len(location), -1, -1):
            if location[:length] in self.marks:
                return Mark(*self.marks[location[:length]])
        return Mark(1, 1)

    def problem(self, location: Location, message: str) -> Problem:
        """A problem at a location."""
        mark = self.mark(location)
        return Problem(file=str(self.path), line=mark.line, column=mark.column, message=message)

    def validate(self, model: type[Model], *, data: Any = None, at: Location = ()) -> Model:
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


def load(path: Path, model: type[Model], memory: Memory | None = None) -> Loaded[Model]:
    """Read and validate one file. Raises SpecError."""
    document = parse(path, memory)
    return Loaded(spec=document.validate(model), document=document)


def parse(path: Path, memory: Memory | None = None) -> Document:
    """Read one YAML file. Raises SpecError for unreadable files, bad syntax, duplicate keys, several documents.

    A text that stands in `memory` is not taken apart again.
    """
    text = _text(path)
    if memory is not None and (known := memory.get(text)) is not None:
        data, marks = known
        return Document(path=path, data=data, marks=marks)
    from gonogo.spec.yaml_text import read  # noqa: PLC0415 - YAML itself takes a while to import

    data, marks, problems = read(path, text)
    if memory is not None and not problems:
        memory.add(text, (data, marks))
    return Document(path=path, data=data, marks=marks, problems=tuple(problems))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        message = f"cannot be read: {error.strerror}"
    except UnicodeDecodeError as error:
        message = f"is not UTF-8 text: {error.reason}"
    raise SpecError([Problem(file=str(path), line=1, column=1, message=message)])


def _problems(document: Document, model: type[BaseModel], error: ValidationError, at: Location) -> list[Problem]:
    found = []
    for detail in error.errors(include_url=False):
        location = tuple(part for part in detail["loc"] if not _is_branch(part))
        message = _message(model, detail, location)
        found.append(document.problem((*at, *location), f"{_dotted((*at, *location))}: {message}"))
    return found


def _is_branch(part: str | int) -> bool:
    """Pydantic names the branch of a union in the location; users never wrote it."""
    return isinstance(part, str) and (part in {"int", "float", "str", "bool"} or "[" in part)


def _message(model: type[BaseModel], detail: Any, location: Location) -> str:
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


def _dotted(location: Location) -> str:
    return ".".join(str(part) for part in location) or "file"


def _keys_at(model: type[BaseModel], location: Location) -> list[str]:
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
