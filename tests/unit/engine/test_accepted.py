"""A plan made again from what extensions accepted earlier says the same, and notices whatever changed since."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pydantic
import pytest

from gonogo.core import registry as registries
from gonogo.core.errors import SpecError
from gonogo.engine import accepted as module
from gonogo.engine.accepted import Accepted
from gonogo.engine.inputs import RunOptions, read_inputs
from gonogo.engine.plan import World, make_plan
from gonogo.probes import PROBES
from gonogo.spec.stack import StackSpec

OWN = """\
title: The database can be asked for something
probe: sql
with: {value: SELECT 1%s}
expect: {value: {equals: 1}}
defect: [{stack: {services.db: null}, fails: [value]}]
"""


def plan_of(folder: Path, content: Path, changes: dict[str, Any] | None = None) -> list[str]:
    inputs = read_inputs(RunOptions(content=(content,), stack_changes=changes or {}))
    accepted = Accepted(folder, inputs.stack.spec)
    plan = make_plan(inputs, World(accepted=accepted))
    accepted.save()
    return [json.dumps(item) for item in plan.to_json()["items"]]


@pytest.fixture
def stack() -> StackSpec:
    return read_inputs(RunOptions()).stack.spec


def stored(folder: Path) -> Path:
    return folder / "accepted" / "reference.json"


@pytest.fixture
def content(tmp_path: Path) -> Path:
    """A user's folder with one check; the reference suite takes it in."""
    folder = tmp_path / "content" / "checks" / "api"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text(OWN % "")
    return tmp_path / "content"


def test_the_second_plan_is_the_first(tmp_path: Path, content: Path) -> None:
    first = plan_of(tmp_path, content)
    written = stored(tmp_path).read_bytes()
    assert plan_of(tmp_path, content) == first
    assert stored(tmp_path).read_bytes() == written
    assert list(stored(tmp_path).parent.iterdir()) == [stored(tmp_path)]


def test_the_second_plan_imports_no_extension(tmp_path: Path) -> None:
    program = (
        "import sys; from gonogo.cli import main\n"
        "try: main(['plan'])\n"
        "finally: print(sorted(name for name in sys.modules if name.startswith('gonogo.probes.')), file=sys.stderr)\n"
    )
    environment = {**os.environ, "GONOGO_CACHE": str(tmp_path)}
    first, second = (
        subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
        for _ in range(2)
    )
    assert second.stdout == first.stdout
    assert "gonogo.probes.sql" in first.stderr
    assert second.stderr.strip() == "[]"


def test_parameters_that_changed_are_validated(tmp_path: Path, content: Path) -> None:
    plan_of(tmp_path, content)
    (content / "checks/api/mine.yaml").write_text(OWN % ", rolle: nobody")
    with pytest.raises(SpecError, match="rolle"):
        plan_of(tmp_path, content)


def test_another_contract_asks_again(tmp_path: Path, content: Path) -> None:
    first = plan_of(tmp_path, content)
    changes = {"contract.chat": None, "contract.without": ["chat"]}
    fresh = plan_of(tmp_path / "elsewhere", content, changes)
    assert plan_of(tmp_path, content, changes) == fresh != first


@pytest.mark.parametrize(
    "damage", ["", "[]", "{", '{"answers": {}}', '{"basis": [], "answers": {}}', "\x00", "every", 7, [7]]
)
def test_a_damaged_memory_is_forgotten(tmp_path: Path, content: Path, damage: Any) -> None:
    first = plan_of(tmp_path, content)
    healthy = json.loads(stored(tmp_path).read_text())
    if not isinstance(damage, str) or damage == "every":
        damage = json.dumps({**healthy, "answers": dict.fromkeys(healthy["answers"], damage)})
    stored(tmp_path).write_text(damage)
    assert plan_of(tmp_path, content) == first
    assert json.loads(stored(tmp_path).read_text()) == healthy


def test_other_code_forgets(tmp_path: Path, stack: StackSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    accepted = Accepted(tmp_path, stack)
    accepted.add("needs", PROBES, "sql", {}, ["write"])
    accepted.save()
    assert Accepted(tmp_path, stack).get("needs", PROBES, "sql", {}) == ("write",)
    monkeypatch.setattr(pydantic, "VERSION", "another")
    assert Accepted(tmp_path, stack).get("needs", PROBES, "sql", {}) is None


def test_every_module_counts_as_code() -> None:
    package = Path(module.__file__).parent.parent
    seen = {line.split(" ")[0] for line in module._code()[2:]}
    assert seen == {str(path) for path in package.rglob("*.py")}


def test_what_a_plug_in_answered_is_not_remembered(
    tmp_path: Path, stack: StackSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = EntryPoint(name="probe:kafka", value="kafka:PROBE", group=registries.ENTRY_POINT_GROUP)
    monkeypatch.setattr(registries, "plugin_entry_points", lambda: (point,))
    accepted = Accepted(tmp_path, stack)
    accepted.add("needs", PROBES, "kafka", {}, [])
    accepted.save()
    assert not stored(tmp_path).exists()


def test_a_folder_that_cannot_be_written_costs_only_time(tmp_path: Path, content: Path) -> None:
    (tmp_path / "file").write_text("")
    assert plan_of(tmp_path / "file", content)


def test_what_nobody_uses_any_more_does_not_pile_up(
    tmp_path: Path, stack: StackSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_ANSWERS", 3)
    kept = []
    for number in range(5):
        accepted = Accepted(tmp_path, stack)
        accepted.add("needs", PROBES, "sql", {"number": number}, [])
        accepted.save()
        kept.append(len(json.loads(stored(tmp_path).read_text())["answers"]))
    assert kept == [1, 2, 3, 1, 2]
