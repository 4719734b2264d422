"""The metrics probe against the running reference service."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from gonogo.core.errors import NotMeasurable
from gonogo.probes.metrics import PROBE, MetricsParameters

if TYPE_CHECKING:
    from tests.func.conftest import Running


def observed(running: Running, **written: Any) -> dict[str, Any]:
    context, _ = running.context("checks/metrics")
    return {one.name: one.value for one in PROBE.observe(context, MetricsParameters.model_validate(written))}


def test_a_counter_grows_by_what_was_sent(reference_stack: Running) -> None:
    traffic = [{"send": "GET /no-such-route", "repeat": 3}]
    counted = 'rag_requests_total{route="unmatched",status="404"}'
    assert observed(reference_stack, traffic=traffic, increases={"counted": counted})["counted"] == 3


def test_what_does_not_exist_is_a_finding(reference_stack: Running) -> None:
    seen = observed(
        reference_stack,
        families=["rag_requests_total", "rag_no_such"],
        values={"absent": "rag_no_such"},
        traffic=[{"call": "search"}],
        moves=["rag_requests_total", "rag_no_such_either"],
    )
    assert seen["missing_families"] == ("rag_no_such", "rag_no_such_either")
    assert seen["absent"] == "absent"
    assert seen["unmoved"] == ("rag_no_such_either",)


def test_a_route_that_is_not_there_is_a_finding_and_a_refused_one_is_not(fresh_stack: Callable[..., Running]) -> None:
    running = fresh_stack(stack_changes={"contract.metrics": "GET /no-metrics"})
    assert observed(running)["parse_errors"] == ("GET /no-metrics answered 404",)
    refused = fresh_stack(stack_changes={"contract.metrics": "GET /documents/metrics"})
    with pytest.raises(NotMeasurable, match="401"):
        observed(refused)
