"""The examples in the docstrings of the services are true."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
MODULES = sorted(
    ".".join(file.relative_to(EXAMPLES).with_suffix("").parts)
    for file in EXAMPLES.rglob("*.py")
    if ">>> " in file.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_are_true(name: str) -> None:
    assert doctest.testmod(import_module(name)).failed == 0


def test_there_are_examples() -> None:
    assert {"reference_rag.schemas", "memory_layer.memory"} <= set(MODULES)
