"""The http probe against the running reference service."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import pytest

from gonogo.core.errors import NotMeasurable
from gonogo.core.observation import Observation
from gonogo.probes.http import PROBE, HttpParameters
from gonogo.stacks.contract import application_of

if TYPE_CHECKING:
    from tests.func.conftest import Running


def observed(running: Running, *, seconds: float = 60.0, **written: Any) -> list[Observation]:
    context, _ = running.context("checks/http", seconds=seconds)
    return list(PROBE.observe(context, HttpParameters.model_validate(written)))


def test_refusals_of_our_own_traffic_prove_nothing(reference_stack: Running) -> None:
    busy = {"call": "search", "as": "limited", "repeat": 100, "until": 429}
    # A refusal is waited out once, which goes on until the check's time is over or the wait was not long enough.
    with pytest.raises(NotMeasurable, match=r"429|time limit"):
        observed(reference_stack, steps=[busy], observe={"status": "status"}, seconds=6)
    seen = observed(reference_stack, steps=[busy], observe={"refused": "count 429"}, also_answers=[429])
    assert [one.value for one in seen] == [1]


def test_silence_proves_nothing_unless_the_check_is_about_it(reference_stack: Running) -> None:
    silent = {"call": "search", "timeout": "1ms"}
    with pytest.raises(NotMeasurable, match="not answered"):
        observed(reference_stack, steps=[silent], observe={"status": "status"})
    seen = observed(reference_stack, steps=[silent], observe={"status": "status"}, also_answers=["silence"])
    assert [one.value for one in seen] == [0]


def test_what_a_check_stored_is_removed_also_when_the_check_breaks(reference_stack: Running) -> None:
    steps = [{"call": "ingest", "observe": {"id": "$.id"}}, {"call": "document", "capture": {"x": "$.no_such"}}]
    context, _ = reference_stack.context("checks/http")
    written = {"steps": steps, "finally": [{"call": "delete"}]}
    seen: list[Observation] = []
    with pytest.raises(NotMeasurable, match="no_such"):
        seen.extend(PROBE.observe(context, HttpParameters.model_validate(written)))
    transcript = (reference_stack.directory.path / "artifacts/checks/http/exchanges.txt").read_text()
    stored = json.loads(transcript.splitlines()[1])["id"]
    with application_of(reference_stack.stack) as application:
        assert application.document("acme", stored).status == 404


def test_every_call_is_made_by_every_identity(reference_stack: Running) -> None:
    steps = [{"call": ["search", "document"], "as": ["nobody", "stranger", "other"]}]
    seen = observed(reference_stack, steps=steps, observe={"status": "status"})
    assert {one.subject: one.value for one in seen} == {
        "search as nobody": 401,
        "search as stranger": 401,
        "search as other": 200,
        "document as nobody": 401,
        "document as stranger": 401,
        "document as other": 404,
    }


def test_keys_do_not_reach_the_transcript(reference_stack: Running) -> None:
    key = reference_stack.stack.resolve("${generated.ACME_KEY}")
    observed(reference_stack, steps=[{"send": f"GET /{key}"}], observe={"status": "status"})
    transcript = (reference_stack.directory.path / "artifacts/checks/http/exchanges.txt").read_text()
    assert "GET /****" in transcript
    assert key not in transcript


def test_a_search_among_a_part_of_production_is_a_lower_bound(reference_stack: Running) -> None:
    chunks = dataclasses.replace(reference_stack.facts.tables["chunks"], rows=2_000)  # of 10,000
    few = dataclasses.replace(
        reference_stack, facts=dataclasses.replace(reference_stack.facts, tables={"chunks": chunks})
    )
    steps = [{"call": "search"}, {"call": "live"}]
    seen = observed(few, steps=steps, observe={"seconds": "seconds"})
    assert [one.lower_bound for one in seen] == [True, False]
    assert not any(one.lower_bound for one in observed(reference_stack, steps=steps, observe={"seconds": "seconds"}))
