"""The defects that a wrapper has, found by scanning its folder `defects`.

`package` is the wrapper's name: reference_rag_defects, or one of its likes beside it.
"""

import ast
import importlib
from pathlib import Path

_PACKAGES = Path(__file__).parents[1]


def names(package: str) -> tuple[str, ...]:
    """The names of all defects, sorted."""
    return tuple(sorted(file.stem for file in _folder(package).glob("*.py") if not file.stem.startswith("_")))


def sentence(package: str, name: str) -> str:
    """What the defect breaks: its docstring, read without importing it."""
    text = ast.get_docstring(ast.parse((_folder(package) / f"{name}.py").read_text(encoding="utf-8"))) or ""
    return " ".join(text.split())


def apply(package: str, name: str) -> None:
    """Turn one defect on, before the service is made."""
    importlib.import_module(f"{package}.defects.{name}").apply()


def _folder(package: str) -> Path:
    return _PACKAGES / package / "defects"
