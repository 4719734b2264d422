"""Whatever the tree records as an intent can be undone from the record, by the name that recovery looks for."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import gonogo
from gonogo.engine.recover import FAULT_PREFIX
from gonogo.faults import FAULTS
from gonogo.stacks.undo import UNDOS

ROOT = Path(gonogo.__file__).parent
WRITERS = {"intend": 0, "record_intent": 1}  # call → which argument names the kind


def recorded() -> Iterator[tuple[str, ast.expr, Path]]:
    """Every call that records an intent: which call, its kind, and where."""
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if name in WRITERS:
                    yield name, node.args[WRITERS[name]], path


def test_every_kind_that_is_recorded_can_be_undone() -> None:
    kinds = [(one.value, path) for call, one, path in recorded() if call == "intend" and isinstance(one, ast.Constant)]
    assert kinds, "no intent is recorded any more: this test looks for the wrong calls"
    unknown = [f"{path.relative_to(ROOT)}: {kind!r}" for kind, path in kinds if kind not in UNDOS.names()]
    assert unknown == []


def test_every_fault_records_its_intent_under_its_own_name() -> None:
    """`fault:<name>` is what recovery loads the fault by."""
    assert FAULT_PREFIX == "fault:"
    said = {path.stem for call, _, path in recorded() if call == "record_intent"}
    assert said == set(FAULTS.names())
    for name in FAULTS.names():
        module = ast.parse((ROOT / "faults" / f"{name}.py").read_text())
        names = [
            node.value.value
            for node in module.body
            if isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Constant)
            and [one.id for one in node.targets if isinstance(one, ast.Name)] == ["NAME"]
        ]
        assert names == [name]


def test_only_faults_and_known_kinds_are_recorded_by_a_computed_name() -> None:
    """A kind that is put together at run time cannot be looked up here: one place does it, another one hands on."""
    computed = {path.relative_to(ROOT).as_posix() for call, one, path in recorded()
                if call == "intend" and not isinstance(one, ast.Constant)}  # fmt: skip
    assert computed == {"engine/services.py", "faults/_base.py"}
