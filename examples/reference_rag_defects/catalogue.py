"""The defects that there are, found by scanning the folder `defects`."""

import ast
import importlib
from pathlib import Path

_FOLDER = Path(__file__).parent / "defects"


def names() -> tuple[str, ...]:
    """The names of all defects, sorted."""
    return tuple(sorted(file.stem for file in _FOLDER.glob("*.py") if not file.stem.startswith("_")))


def sentence(name: str) -> str:
    """What the defect breaks: its docstring, read without importing it."""
    text = ast.get_docstring(ast.parse((_FOLDER / f"{name}.py").read_text(encoding="utf-8"))) or ""
    return " ".join(text.split())


def apply(name: str) -> None:
    """Turn one defect on, before the service is made."""
    importlib.import_module(f"{__package__}.defects.{name}").apply()
