"""Alembic's revisions, read from the source without importing it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gonogo.core.errors import NotMeasurable
from gonogo.probes._alembic import Revisions, revisions_of
from gonogo.stacks.sources import SourceTree

FIRST = 'revision = "a1"\ndown_revision = None\n'
SECOND = 'revision: str = "b2"\ndown_revision: str | None = "a1"\n'


def tree(folder: Path, **files: str) -> SourceTree:
    versions = folder / "migrations" / "versions"
    versions.mkdir(parents=True)
    for name, text in files.items():
        (versions / f"{name}.py").write_text(text)
    return SourceTree(root=folder)


def test_a_chain_has_one_head(tmp_path: Path) -> None:
    found = revisions_of(tree(tmp_path, first=FIRST, second=SECOND, helper="X = 1\n"))

    assert found == Revisions(before={"a1": (), "b2": ("a1",)})
    assert found.heads == ("b2",)
    assert found.up_to(["b2"]) == {"a1", "b2"}
    assert found.up_to(["a1", "gone"]) == {"a1", "gone"}


def test_two_branches_are_two_heads_until_they_are_merged(tmp_path: Path) -> None:
    other = SECOND.replace("b2", "c3")
    merge = 'revision = "d4"\ndown_revision = ("b2", "c3")\n'

    forked = revisions_of(tree(tmp_path / "forked", first=FIRST, second=SECOND, other=other))
    merged = revisions_of(tree(tmp_path / "merged", first=FIRST, second=SECOND, other=other, merge=merge))

    assert forked is not None
    assert merged is not None
    assert forked.heads == ("b2", "c3")
    assert merged.heads == ("d4",)
    assert merged.up_to(["d4"]) == {"a1", "b2", "c3", "d4"}


def test_the_same_revision_in_two_files_is_told(tmp_path: Path) -> None:
    found = revisions_of(tree(tmp_path, first=FIRST, copy=FIRST))

    assert found is not None
    assert found.repeated == ("a1",)


def test_without_migrations_there_are_none_and_what_is_no_python_says_nothing(tmp_path: Path) -> None:
    assert revisions_of(tree(tmp_path / "none", helper="X = 1\n")) is None
    with pytest.raises(NotMeasurable, match=r"versions/broken\.py:1 is no Python"):
        revisions_of(tree(tmp_path / "broken", broken="revision =\n"))
