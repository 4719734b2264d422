"""The generated documentation: whole pages of docs/reference, and blocks between markers in other pages."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from docs_pages import blocks, capabilities, commands, extensions, files, verifications

ROOT = Path(__file__).resolve().parents[2]
PAGES: dict[str, Callable[[], str]] = {
    "docs/reference/verifications.md": verifications.page,
    "docs/reference/files.md": files.page,
    "docs/reference/extensions.md": extensions.page,
    "docs/reference/capabilities.md": capabilities.page,
    "docs/reference/commands.md": commands.page,
}
BLOCK = re.compile(r"(<!-- generated: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
FILE = re.compile(r"^(```yaml file=(?P<path>\S+)\n).*?(^```$)", re.DOTALL | re.MULTILINE)


def main(arguments: Sequence[str]) -> int:
    """Write what is stale and say so; with `--check` write nothing, and return 1 when anything is."""
    check = list(arguments) == ["--check"]
    if arguments and not check:
        print("usage: scripts/generate-docs [--check]", file=sys.stderr)
        return 2
    stale = {path: text for path, text in everything().items() if not path.is_file() or path.read_text() != text}
    for path, text in stale.items():
        print(f"{'stale' if check else 'written'}: {path.relative_to(ROOT)}")
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return 1 if check and stale else 0


def everything() -> dict[Path, str]:
    """Every page that is generated, wholly or in part, as it should be."""
    made = {ROOT / name: page() for name, page in PAGES.items()}
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        if path not in made and path.is_file():
            made[path] = FILE.sub(_quoted, BLOCK.sub(_filled, path.read_text()))
    return made


def _filled(match: re.Match[str]) -> str:
    return f"{match[1]}{blocks.BLOCKS[match['name']]()}\n{match[3]}"


def _quoted(match: re.Match[str]) -> str:
    """A file of the repository as it stands."""
    return f"{match[1]}{(ROOT / match['path']).read_text()}{match[3]}"
