"""The examples in the docstrings of the reports are true."""

from __future__ import annotations

import doctest
import pkgutil
from importlib import import_module

import pytest

import gonogo.reports

MODULES = [module.name for module in pkgutil.walk_packages(gonogo.reports.__path__, "gonogo.reports.")]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_are_true(name: str) -> None:
    assert doctest.testmod(import_module(name)).failed == 0


def test_there_are_examples() -> None:
    finder = doctest.DocTestFinder()
    found = [one for name in MODULES for one in finder.find(import_module(name)) if one.examples]
    assert len(found) > 10
