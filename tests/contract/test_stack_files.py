"""Every stack file that is shipped: its services are what their kinds know, its policy is there, its plan stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from gonogo.core.outcome import SkipReason
from gonogo.engine.inputs import RunOptions, read_inputs, resolve_policy
from gonogo.engine.plan import World, make_plan
from gonogo.stacks.order import start_order
from gonogo.stacks.services import declared_services

CONFIG = Path(__file__).parents[2] / "config"
STACKS = sorted(file.stem for file in (CONFIG / "stacks").glob("*.yaml"))
OWN_POLICY = [name for name in STACKS if name != "reference"]  # the reference is judged by those of the suites


def test_there_is_a_stack_of_each_kind() -> None:
    assert {"reference", "multi_tenant", "personal", "replicated", "memory", "documents"} <= set(STACKS)


@pytest.mark.parametrize("name", STACKS)
def test_its_services_are_known_and_can_be_ordered(name: str) -> None:
    stack = read_inputs(RunOptions(stack=name)).stack

    declared = declared_services(stack.spec, stack.path)

    assert sorted(start_order(declared)) == sorted(stack.spec.services)
    for service in declared.values():
        for key in ("build", "source", "workdir"):
            folder = getattr(service.parameters, key, None)
            assert folder is None or service.path(folder).is_dir(), f"{service.name}.{key}: {folder}"


@pytest.mark.parametrize("name", OWN_POLICY)
def test_its_policy_is_planned_without_errors_and_asks_for_nothing_that_does_not_apply(name: str) -> None:
    inputs = read_inputs(RunOptions(stack=name, runtime="embedded", policy=name))

    plan = make_plan(inputs, World())
    policy = resolve_policy(inputs.policy)

    items = {item.id: item for item in plan.items}
    assert [one for one in policy.require if one not in items] == []
    assert [one for one in policy.require if items[one].skip is not None] == []
    assert [one for one in policy.accept_unsupported if one not in items] == []
    assert all(item.reason for item in plan.items if item.skip is SkipReason.NOT_APPLICABLE)
    assert sum(policy.areas.values()) == pytest.approx(100)
