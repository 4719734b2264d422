"""YAML text → plain data, and where each key and value stands. One walk over the nodes of PyYAML."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from gonogo.core.errors import Problem, SpecError
from gonogo.spec.place import Location, Marks

# The YAML 1.2 core schema: `on` and `no` are words, `12:30` and `2027-01-31` are text, `1e3` is a number.
BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
NULLS = {"", "~", "null", "Null", "NULL"}
INTEGER = re.compile(r"^[-+]?[0-9](?:_?[0-9])*$")
FLOAT = re.compile(r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$")
TAG = "tag:yaml.org,2002:"
TAGS = {f"{TAG}{name}" for name in ("str", "int", "float", "bool", "null", "timestamp", "merge", "value")}
NESTED = "is nested too deeply"
MOST_NODES = 20_000  # aliases can make a small file explode


def read(path: Path, text: str) -> tuple[Any, Marks, list[Problem]]:
    """(data, marks, problems) of one document; `path` is what problems name. Raises SpecError where there is none."""
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
    return data, builder.marks, builder.problems


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
        self.marks: Marks = {}
        self.problems: list[Problem] = []
        self._nodes = 0

    def build(self, node: Node, location: Location) -> Any:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise SpecError([self._problem(node, f"has more than {MOST_NODES} nodes (aliases count each time)")])
        self.marks.setdefault(location, (node.start_mark.line + 1, node.start_mark.column + 1))
        if isinstance(node, MappingNode):
            return self._mapping(node, location)
        if isinstance(node, SequenceNode):
            return [self.build(entry, (*location, index)) for index, entry in enumerate(node.value)]
        assert isinstance(node, ScalarNode)
        return self._scalar(node)

    def _mapping(self, node: MappingNode, location: Location) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                self.problems.append(self._problem(key_node, "a key must be plain text"))
                continue
            key = key_node.value
            if key in result:
                first = self.marks[(*location, key)][0]
                self.problems.append(self._problem(key_node, f"duplicate key {key!r}, first used in line {first}"))
                continue
            self.marks[(*location, key)] = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
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
