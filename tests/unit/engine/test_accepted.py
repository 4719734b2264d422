"""A plan made again from what an earlier one remembered says the same, and notices whatever changed since."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from gonogo.core import registry as registries
from gonogo.core.errors import SpecError
from gonogo.core.memory import Memory, remembering
from gonogo.engine.accepted import Accepted
from gonogo.engine.inputs import RunOptions, read_inputs
from gonogo.engine.plan import World, make_plan
from gonogo.probes import PROBES

OWN = """\
title: The database can be asked for something
probe: sql
with: {value: SELECT 1%s}
expect: {value: {equals: 1}}
defect: [{stack: {services.db: null}, fails: [value]}]
"""


def plan_of(folder: Path, content: Path, changes: dict[str, Any] | None = None) -> list[str]:
    with remembering(folder / "memory") as memory:
        inputs = read_inputs(RunOptions(content=(content,), stack_changes=changes or {}), memory)
        plan = make_plan(inputs, World(accepted=Accepted(memory, inputs.stack.spec.contract)))
    return [json.dumps(item) for item in plan.to_json()["items"]]


@pytest.fixture
def content(tmp_path: Path) -> Path:
    """A user's folder with one check; the reference suite takes it in."""
    folder = tmp_path / "content" / "checks" / "api"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text(OWN % "")
    return tmp_path / "content"


def test_the_second_plan_is_the_first(tmp_path: Path, content: Path) -> None:
    first = plan_of(tmp_path, content)
    assert plan_of(tmp_path, content) == first
    fresh = make_plan(read_inputs(RunOptions(content=(content,))), World())
    assert [json.dumps(item) for item in fresh.to_json()["items"]] == first


def test_the_second_plan_imports_no_extension_and_no_yaml(tmp_path: Path) -> None:
    program = (
        "import sys; from gonogo.cli import main\n"
        "try: main(['plan'])\n"
        "finally: print([one for one in sys.modules if one.startswith(('gonogo.probes.', 'yaml'))], file=sys.stderr)"
    )
    environment = {**os.environ, "GONOGO_CACHE": str(tmp_path)}
    first, second = (
        subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
        for _ in range(2)
    )
    assert second.stdout == first.stdout
    assert "gonogo.probes.sql" in first.stderr
    assert "yaml" in first.stderr
    assert second.stderr.strip() == "[]"


@pytest.mark.parametrize("cache", ["/proc/nowhere", "/dev/null"])
def test_a_home_that_cannot_be_written_is_no_error(cache: str) -> None:
    environment = {**os.environ, "GONOGO_CACHE": cache}
    for command in ("list", "plan"):
        subprocess.run([sys.executable, "-m", "gonogo", command], env=environment, check=True, capture_output=True)
    assert not Path(cache).is_dir()


def test_parameters_that_changed_are_validated(tmp_path: Path, content: Path) -> None:
    plan_of(tmp_path, content)
    (content / "checks/api/mine.yaml").write_text(OWN % ", rolle: nobody")
    with pytest.raises(SpecError, match=r"mine\.yaml:3:\d+: with\.rolle: unknown key; did you mean 'role'"):
        plan_of(tmp_path, content)


def test_a_wrong_file_is_wrong_again(tmp_path: Path, content: Path) -> None:
    (content / "checks/api/mine.yaml").write_text((OWN % "") + "title: Twice the same key in one file\n")
    for _ in range(2):
        with pytest.raises(SpecError, match="duplicate key 'title', first used in line 1"):
            plan_of(tmp_path, content)


def test_another_contract_asks_again(tmp_path: Path, content: Path) -> None:
    first = plan_of(tmp_path, content)
    changes = {"contract.chat": None, "contract.without": ["chat"]}
    (tmp_path / "elsewhere").mkdir()
    fresh = plan_of(tmp_path / "elsewhere", content, changes)
    assert plan_of(tmp_path, content, changes) == fresh != first


def test_what_a_plug_in_answered_is_not_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint(name="probe:kafka", value="kafka:PROBE", group=registries.ENTRY_POINT_GROUP)
    monkeypatch.setattr(registries, "plugin_entry_points", lambda: (point,))
    contract = read_inputs(RunOptions()).stack.spec.contract
    with remembering(tmp_path / "memory") as memory:
        for name in ("sql", "kafka"):
            Accepted(memory, contract).add("needs", PROBES, name, {}, ["write"])
    later = Accepted(Memory(tmp_path / "memory"), contract)
    assert later.get("needs", PROBES, "sql", {}) == ("write",)
    assert later.get("needs", PROBES, "kafka", {}) is None
