"""Alembic's migrations as a source tree holds them: a graph of revisions, of which a database names its last ones."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gonogo.core.errors import NotMeasurable

if TYPE_CHECKING:
    from gonogo.stacks.sources import SourceFile, SourceTree

FILES = ("**/versions/*.py", "**/versions/**/*.py")
APPLIED = "SELECT version_num FROM alembic_version"


@dataclass(frozen=True, slots=True, kw_only=True)
class Revisions:
    """A source's revisions, each with those that it comes after; `repeated` are those that stand in two files."""

    before: Mapping[str, tuple[str, ...]]
    repeated: tuple[str, ...] = ()

    @property
    def heads(self) -> tuple[str, ...]:
        """The revisions that no other comes after; more than one is a fork that nobody has merged."""
        followed = {one for revisions in self.before.values() for one in revisions}
        return tuple(sorted(self.before.keys() - followed))

    def up_to(self, revisions: Iterable[str]) -> set[str]:
        """These revisions and all that come before them; what the source does not know stands for itself."""
        reached: set[str] = set()
        todo = list(revisions)
        while todo:
            one = todo.pop()
            if one not in reached:
                reached.add(one)
                todo += self.before.get(one, ())
        return reached


def revisions_of(tree: SourceTree) -> Revisions | None:
    """The revisions in the tree; None where it holds none. Raises NotMeasurable for one that is no Python."""
    found: list[tuple[str, tuple[str, ...]]] = []
    for file in tree.files(FILES):
        named = _assignments(file)
        if isinstance(revision := named.get("revision"), str):
            found.append((revision, _names(named.get("down_revision"))))
    counted = Counter(revision for revision, _ in found)
    repeated = tuple(sorted(one for one, count in counted.items() if count > 1))
    return Revisions(before=dict(found), repeated=repeated) if found else None


def _assignments(file: SourceFile) -> dict[str, Any]:
    """The module's own constants."""
    try:
        statements = ast.parse(file.text).body
    except SyntaxError as error:
        raise NotMeasurable(f"{file.path}:{error.lineno} is no Python: {error.msg}") from error
    named: dict[str, Any] = {}
    for one in statements:
        targets = one.targets if isinstance(one, ast.Assign) else [one.target] if isinstance(one, ast.AnnAssign) else []
        value = getattr(one, "value", None)
        for target in targets:
            if isinstance(target, ast.Name) and value is not None:
                named[target.id] = _constant(value)
    return named


def _constant(value: ast.expr) -> Any:
    try:
        return ast.literal_eval(value)
    except ValueError:
        return None


def _names(value: Any) -> tuple[str, ...]:
    """What `down_revision` says: one, several (a merge) or none."""
    return (value,) if isinstance(value, str) else tuple(map(str, value)) if isinstance(value, (tuple, list)) else ()
