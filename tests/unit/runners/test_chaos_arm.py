"""From a scenario's faults, as written, to faults with parameters."""

from __future__ import annotations

from typing import Any

import pytest

from gonogo.core.errors import UsageError
from gonogo.runners.chaos import arm
from gonogo.spec.verification import ChaosSpec


def scenario(*faults: dict[str, dict[str, Any]]) -> ChaosSpec:
    return ChaosSpec.model_validate({"title": "A scenario for a test", "faults": list(faults)})


def test_faults_keep_their_order_and_parameters() -> None:
    first, second = arm(scenario({"pool_exhausted": {"after": "1s"}}, {"primary_killed": {"hold": "7s"}}), {})

    assert (first.name, first.parameters.after) == ("pool_exhausted", 1.0)
    assert (second.name, second.parameters.hold) == ("primary_killed", 7.0)


def test_a_seeded_defect_changes_parameters_of_one_fault() -> None:
    (killed,) = arm(scenario({"primary_killed": {"hold": "7s"}}), {"primary_killed": {"promotion_delay": "20s"}})

    assert killed.parameters.model_dump()["promotion_delay"] == 20.0
    assert killed.parameters.hold == 7.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pool_exhausted": {}}, "the scenario has no fault pool_exhausted"),
        ({"primary_killed": {"promotion_dely": "1s"}}, "promotion_dely"),
        ({"primary_killed": {"hold": 3}}, "unit"),
    ],
)
def test_a_change_that_fits_nothing_is_an_error(changes: dict[str, dict[str, Any]], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        arm(scenario({"primary_killed": {}}), changes)


def test_an_unknown_fault_is_an_error() -> None:
    with pytest.raises(UsageError, match="did you mean 'primary_killed'"):
        arm(scenario({"primary_kiled": {}}), {})
