"""The shipped content keeps its promises: every expectation has a defect, every area has checks."""

from __future__ import annotations

from collections import Counter

import pytest

from gonogo.core.outcome import Area, Capability, Kind, Severity
from gonogo.engine.capabilities import costs
from gonogo.engine.inputs import RunOptions, load_policy, read_inputs, resolve_policy
from gonogo.engine.plan import World, make_plan
from gonogo.spec.content import Verification, find_verifications, shipped_content

CONTENT = find_verifications()
CHECKS = {key: one for key, one in CONTENT.items() if one.kind is Kind.CHECK}
PROBES_USED_BY_THREE = {"sql", "http", "metrics", "explain", "recall", "isolation", "files"}


@pytest.mark.parametrize("verification", CONTENT.values(), ids=CONTENT)
def test_every_expectation_is_turned_red_by_some_defect(verification: Verification) -> None:
    reddened = {name for defect in verification.spec.defect for name in defect.fails}
    assert set(verification.spec.expectations()) == reddened


@pytest.mark.parametrize("verification", CONTENT.values(), ids=CONTENT)
def test_every_verification_says_why_it_matters_and_how_to_mend_it(verification: Verification) -> None:
    spec = verification.spec
    assert spec.expectations()
    assert spec.covers
    assert len(spec.why) > 20
    assert len(spec.remedy) > 20


def test_there_are_at_least_two_checks_in_every_area() -> None:
    assert {area: count for area in Area if (count := sum(one.area is area for one in CHECKS.values())) < 2} == {}


def test_at_least_five_checks_are_critical() -> None:
    assert sum(one.spec.severity is Severity.CRITICAL for one in CHECKS.values()) >= 5


def test_the_main_probes_are_each_used_by_at_least_three_checks() -> None:
    used = Counter(one.spec.probe for one in CHECKS.values())
    assert {probe: used[probe] for probe in PROBES_USED_BY_THREE if used[probe] < 3} == {}


@pytest.mark.parametrize("suite", [path.stem for path in sorted((shipped_content() / "config/suites").glob("*.yaml"))])
def test_every_shipped_suite_can_be_planned_without_a_stack(suite: str) -> None:
    inputs = read_inputs(RunOptions(suite=suite))
    plan = make_plan(inputs, World())
    assert any(item.runs for item in plan.items)


@pytest.mark.parametrize(
    "policy", [path.stem for path in sorted((shipped_content() / "config/policies").glob("*.yaml"))]
)
def test_every_shipped_policy_weighs_all_areas(policy: str) -> None:
    weights = resolve_policy(load_policy(policy)).areas
    assert set(weights) == {area.value for area in Area}
    assert sum(weights.values()) == 100


def test_production_accepts_by_name_what_reading_cannot_prove_and_nothing_else() -> None:
    reading = {Capability.SQL, Capability.APPLICATION}
    more = {
        identifier
        for capability, identifiers in costs(CHECKS).items()
        for identifier in identifiers
        if capability not in reading
    }
    assert set(resolve_policy(load_policy("production")).accept_unsupported) == more
