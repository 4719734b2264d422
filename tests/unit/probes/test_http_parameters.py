"""How a check writes requests: what is refused when the plan is made."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from gonogo.probes.http import HttpParameters


def parameters(step: dict[str, Any], **more: Any) -> HttpParameters:
    return HttpParameters.model_validate({"steps": [step], "observe": {"status": "status"}, **more})


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"call": "search", "send": "GET /"}, "either `call`"),
        ({}, "either `call`"),
        ({"call": "serach"}, "unknown request serach; the contract knows: live"),
        ({"send": "/search"}, "pattern"),
        ({"call": "chat", "questions": 3}, "call: search"),
        ({"call": "search", "observe": {"x": "statsu"}}, "unknown source 'statsu'"),
        ({"call": "search", "qurey": "x"}, "Extra inputs"),
        ({"call": "search", "filler": 5}, "needs a unit"),
    ],
)
def test_a_wrong_step_is_refused(step: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        parameters(step)


def test_a_check_that_observes_nothing_is_refused() -> None:
    with pytest.raises(ValidationError, match="no step observes anything"):
        HttpParameters.model_validate({"steps": [{"call": "search"}]})


def test_values_that_were_not_written_are_left_to_the_defaults() -> None:
    (step,) = parameters({"call": "search", "k": None, "query": ""}).steps
    assert step.values == {"query": "", "k": None}
