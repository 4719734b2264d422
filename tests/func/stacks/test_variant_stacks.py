"""The stacks `replicated` and `memory`: what is special to each is planned, runs and holds; the others leave it out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gonogo.core.outcome import Outcome, SkipReason
from gonogo.engine.inputs import RunOptions, load_stack, read_inputs
from gonogo.engine.plan import World, make_plan
from gonogo.engine.run import Observer, run
from gonogo.engine.sabotage import sabotaged

STATUS = "checks/replication/status_endpoint_tells_the_truth"
ARCHIVE = "checks/api/archived_is_not_found"
RETENTION = "checks/api/retention_keeps_its_times"
INDEXES = "checks/connections/declared_indexes_exist"
SPECIAL = {"replicated": {STATUS, INDEXES}, "memory": {ARCHIVE, RETENTION, INDEXES}, "reference": {INDEXES}}
REASONS = {
    STATUS: "the stack file declares no request for the status of replication",
    ARCHIVE: "the stack file declares no request that archives a document",
    RETENTION: "the stack file declares no retention of data",
}
# What an application of its own may break first, beside what is special to it.
BESIDES = (
    "checks/api/search_finds_the_known_answer",
    "checks/api/chat_answers_with_sources",
    "checks/api/delete_deletes",
    "checks/delivery/env_example_is_complete",
    "checks/delivery/migrations_match_the_database",
    "checks/isolation/row_security_is_forced",
    "checks/security/application_role_has_least_privilege",
)


@pytest.mark.parametrize("stack", SPECIAL)
def test_what_a_stack_does_not_declare_is_not_applicable_to_it(stack: str) -> None:
    plan = make_plan(read_inputs(RunOptions(stack=stack)), World())
    items = {item.id: item for item in plan.items}

    assert all(items[one].runs for one in SPECIAL[stack])
    for identifier in REASONS.keys() - SPECIAL[stack]:
        assert items[identifier].skip is SkipReason.NOT_APPLICABLE
        assert items[identifier].reason == REASONS[identifier]


@pytest.mark.parametrize("stack", ["replicated", "memory"])
def test_policies_require_only_what_their_stack_runs(stack: str) -> None:
    inputs = read_inputs(RunOptions(stack=stack, policy=stack))
    running = {item.id for item in make_plan(inputs, World()).items if item.runs}

    assert set(inputs.policy.require) <= running


@pytest.mark.timeout(180)
@pytest.mark.parametrize("stack", ["replicated", "memory"])
def test_what_is_special_to_a_stack_holds_on_it(stack: str, tmp_path: Path) -> None:
    only = (*sorted(SPECIAL[stack]), *BESIDES)
    options = RunOptions(
        stack=stack, policy=stack, runtime="embedded", only=only, out=tmp_path / "run",
        stack_changes={"services.app.seed.command": _little_filler(stack)},
    )  # fmt: skip

    findings = {one.id: one for one in run(options, Observer()).judgement.findings if one.id in only}

    assert {
        one: (found.outcome, found.reason) for one, found in findings.items() if found.outcome != Outcome.PASS
    } == {}
    assert set(findings) == set(only)


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("stack", "check", "defect"),
    [
        ("replicated", STATUS, "replication_status_trusts_the_connection"),
        ("memory", RETENTION, "retention_leaves_the_vectors"),
    ],
)
def test_a_defect_of_what_is_special_is_noticed(stack: str, check: str, defect: str, tmp_path: Path) -> None:
    inputs = read_inputs(RunOptions(stack=stack))
    (named,) = [one for one in inputs.verifications[check].spec.defect if one.reference == defect]
    changes = sabotaged(inputs.options, named, inputs.stack, tmp_path).stack_changes
    options = RunOptions(
        stack=stack, runtime="embedded", only=(check,), out=tmp_path / "run",
        stack_changes={**changes, "services.app.seed.command": _little_filler(stack)},
    )  # fmt: skip

    (finding,) = [one for one in run(options, Observer()).judgement.findings if one.id == check]

    red = {one.observation for one in finding.expectations if one.outcome is Outcome.FAIL}
    assert set(named.fails) <= red


def _little_filler(stack: str) -> list[Any]:
    """The stack's seed with so little filler that its template is made in seconds."""
    command = (load_stack(RunOptions(stack=stack)).spec.services["app"].model_extra or {})["seed"]["command"]
    return [*command[: command.index("--filler") + 1], "50"]
