"""The application's source tree, as text: what a person would read, without what tools have put there."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gonogo.core.errors import MissingCapability, NotMeasurable
from gonogo.stacks.interfaces import Stack

PRUNED = frozenset(
    {".git", ".hg", ".venv", "venv", "node_modules", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"}
)
IMPORTS = re.compile(r"^\s*(?:from|import)\s+([A-Za-z_]\w*)", re.MULTILINE)
LARGEST_BYTES = 2 * 2**20
MOST_FILES = 20_000
GIT_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """One text file; `path` counts from the tree's root."""

    path: str
    text: str

    def line_of(self, offset: int) -> int:
        """The line, from 1, of a character."""
        return self.text.count("\n", 0, offset) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTree:
    """A folder of source."""

    root: Path

    def files(self, globs: Sequence[str]) -> list[SourceFile]:
        """The text files that any glob names, sorted. Binary and very large files are left out."""
        wanted = [re.compile(as_pattern(glob)) for glob in globs]
        found = []
        for path in self._paths():
            if any(pattern.fullmatch(path) for pattern in wanted):
                text = self._text(path)
                if text is not None:
                    found.append(SourceFile(path=path, text=text))
        return found

    def some_files(self, globs: Sequence[str]) -> list[SourceFile]:
        """As `files`, but there must be one. Raises NotMeasurable."""
        found = self.files(globs)
        if not found:
            raise NotMeasurable(f"no file of the application's source matches {', '.join(globs)}")
        return found

    def imported_from_beside(self, files: Sequence[SourceFile]) -> list[SourceTree]:
        """Python packages that lie beside this folder and that the files import: they run as a part of it."""
        names = {match[1] for file in files for match in IMPORTS.finditer(file.text)} - {self.root.name}
        beside = [self.root.parent / name for name in sorted(names)]
        return [SourceTree(root=folder) for folder in beside if (folder / "__init__.py").is_file()]

    def has(self, glob: str) -> bool:
        """Whether any file matches, text or not."""
        pattern = re.compile(as_pattern(glob))
        return any(pattern.fullmatch(path) for path in self._paths())

    def _paths(self) -> Iterator[str]:
        """All files, sorted. What git ignores is no source; links to folders are not followed."""
        known = tracked(self.root)
        if known:
            yield from (path for path in known if (self.root / path).is_file())
            return
        found = []
        for folder, names, files in os.walk(self.root):
            names[:] = [name for name in names if name not in PRUNED]
            found += [(Path(folder) / name).relative_to(self.root).as_posix() for name in files]
            if len(found) > MOST_FILES:
                raise NotMeasurable(f"the application's source holds more than {MOST_FILES} files")
        yield from sorted(found)

    def _text(self, path: str) -> str | None:
        file = self.root / path
        try:
            if not file.is_file() or file.stat().st_size > LARGEST_BYTES:
                return None
            content = file.read_bytes()
        except OSError as error:
            raise NotMeasurable(f"{path} cannot be read: {error.strerror}") from error
        return None if b"\0" in content else content.decode(errors="replace")


def tracked(root: Path) -> tuple[str, ...]:
    """The files that git tracks or would add; empty where it knows nothing of the folder."""
    command = ["git", "-C", str(root), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=GIT_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    names = done.stdout.decode(errors="surrogateescape").split("\0") if done.returncode == 0 else []
    return tuple(sorted({name for name in names if name}))


def source_tree(stack: Stack) -> SourceTree:
    """The source of the contract's service. Raises MissingCapability."""
    source = stack.application().source
    if source is None or not source.is_dir():
        raise MissingCapability("the application's source cannot be read")
    return SourceTree(root=source)


def as_pattern(glob: str) -> str:
    r"""A regular expression for a glob: `*` stays within a folder, `**/` is any number of folders.

    >>> as_pattern("**/*.py"), as_pattern("Dockerfile*")
    ('(?:.*/)?[^/]*\\.py', 'Dockerfile[^/]*')
    """
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", glob)
    special = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(special.get(part, re.escape(part)) for part in parts)
