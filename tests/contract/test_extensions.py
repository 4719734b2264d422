"""Every extension that scanning finds can be loaded, and says what it is."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import Any

import click
import pytest

import gonogo
from gonogo.cli import main
from gonogo.core.errors import HarnessError, UsageError
from gonogo.core.registry import Registry
from gonogo.drills import METHODS
from gonogo.drills.corpus import CONTENTS, DAMAGES
from gonogo.drills.stores import STORE_METHODS
from gonogo.drills.whole import WHOLE_METHODS
from gonogo.faults import FAULTS
from gonogo.probes import PROBES
from gonogo.reports import FORMATS
from gonogo.stacks.runtimes import RUNTIMES
from gonogo.stacks.services import SERVICES
from gonogo.stacks.undo import UNDOS

REGISTRIES: tuple[Registry[Any], ...] = (
    PROBES, FAULTS, METHODS, STORE_METHODS, WHOLE_METHODS, FORMATS, RUNTIMES, SERVICES, UNDOS, CONTENTS, DAMAGES,
)  # fmt: skip
EXTENSIONS = [(registry, name) for registry in REGISTRIES for name in registry.names()]


@pytest.mark.parametrize(("registry", "name"), EXTENSIONS, ids=[f"{one.kind}:{name}" for one, name in EXTENSIONS])
def test_every_extension_loads_and_has_a_docstring(registry: Registry[Any], name: str) -> None:
    registry.load(name)
    module = importlib.import_module(f"{registry.package}.{name}")
    assert inspect.getdoc(module)


@pytest.mark.parametrize("registry", REGISTRIES, ids=[one.kind for one in REGISTRIES])
def test_an_unknown_name_gets_a_suggestion(registry: Registry[Any]) -> None:
    known = registry.names()[0]
    with pytest.raises(UsageError, match=f"did you mean '{known}'"):
        registry.load(known + "x")


def test_an_extension_that_lacks_a_method_is_loud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "half_made"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "empty.py").write_text("PROBE = object()\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    registry: Registry[Any] = Registry("probe", "half_made", "PROBE", PROBES.protocol)
    with pytest.raises(HarnessError, match=r"probe 'empty' lacks .*observe"):
        registry.load("empty")


@pytest.mark.parametrize("name", main.list_commands(click.Context(main)))
def test_every_command_has_help_that_a_stranger_can_use(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert command.help
    assert len(command.help.splitlines()[0]) > 20
    undocumented = [
        parameter.name for parameter in command.params if isinstance(parameter, click.Option) and not parameter.help
    ]
    assert undocumented == []


def test_nothing_but_extensions_lies_in_their_folders() -> None:
    """A module that is no extension begins with an underscore, or scanning would offer it to users."""
    root = Path(gonogo.__file__).parent
    for registry in REGISTRIES:
        folder = root.joinpath(*registry.package.split(".")[1:])
        for path in folder.glob("[!_]*.py"):
            assert hasattr(importlib.import_module(f"{registry.package}.{path.stem}"), registry.attribute), path
