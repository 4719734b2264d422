"""The shipped load profile on the reference stack, for a few seconds."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gonogo.core.deadline import Deadline
from gonogo.core.errors import NotMeasurable
from gonogo.core.observation import Observation
from gonogo.load.truth import exact_answers
from gonogo.pg.sessions import session
from gonogo.runners.load import run_load
from gonogo.spec.content import find_verifications
from gonogo.spec.verification import LoadSpec
from gonogo.stacks.contract import questions_of
from gonogo.stacks.interfaces import Role

PROFILE = "loadtests/search_steady"


def shipped() -> LoadSpec:
    spec = find_verifications()[PROFILE].spec
    assert isinstance(spec, LoadSpec)
    return spec


def observed(stack: Any, seconds: float) -> tuple[dict[str, Observation], Any]:
    context, recorder = stack.context(PROFILE)
    run_load(context, shipped(), duration_seconds=seconds)
    return {one.name: one for one in recorder.observations}, recorder


def test_a_short_run_measures_everything_that_the_profile_expects(reference_stack: Any) -> None:
    for _ in range(3):  # a host that is busy with other things measures no latencies
        found, recorder = observed(reference_stack, 5)
        if found["p95"].value is not None:
            break
    assert shipped().expect.keys() <= found.keys()
    n = found["offered_rate"].n
    assert n is not None
    assert 120 < n < 180  # 30 a second, without the warm-up
    p95, errors, recall = found["p95"], found["error_rate"], found["recall_at_10"]
    assert isinstance(p95.value, float)
    assert p95.low is not None
    assert p95.high is not None
    assert 0.001 < p95.low <= p95.value <= p95.high
    assert (errors.value, errors.n, errors.low) == (0.0, n, 0.0)
    assert isinstance(recall.value, float)
    assert recall.value > 0.8
    assert recall.n == n
    assert "p99" not in found  # of 150 samples it has no upper bound
    (timeline,) = recorder.timelines
    assert {one.name: one.limit for one in timeline.series}["latency_p95"] == 0.3


def test_every_sample_is_kept_as_evidence_and_no_key_with_them(reference_stack: Any) -> None:
    found, _ = observed(reference_stack, 3)
    evidence = found["p95"].evidence
    assert evidence is not None
    text = gzip.decompress((reference_stack.directory.path / evidence).read_bytes()).decode()
    samples = [json.loads(line) for line in text.splitlines()]
    assert len(samples) > 30 * 3
    assert all(one["intended_s"] <= one["sent_s"] < one["ended_s"] for one in samples)
    assert all(len(one["returned"]) == 10 for one in samples)
    key = reference_stack.stack.references["generated.ACME_KEY"]
    log = Path(reference_stack.directory.path / "artifacts" / PROFILE / "generator.log").read_text()
    assert key not in text + log


def test_candidates_that_are_filtered_afterwards_show_as_lost_recall(fresh_stack: Callable[..., Any]) -> None:
    stack = fresh_stack()
    server = stack.stack.postgres()
    with session(server.dsn(Role.ADMIN)) as connection:
        for setting in ("hnsw.iterative_scan = 'off'", "hnsw.ef_search = 10"):
            connection.execute(f"ALTER ROLE {server.role_name(Role.APPLICATION)} SET {setting}")
    stack.stack.application().restart(Deadline.after(30))
    found, _ = observed(stack, 3)
    assert found["recall_at_10"].high is not None
    assert found["recall_at_10"].high < 0.9


def test_errors_are_counted_with_their_kinds(fresh_stack: Callable[..., Any]) -> None:
    command = ["python", "-m", "reference_rag_defects", "--enable-defects", "search_fails_sometimes"]
    found, recorder = observed(fresh_stack(stack_changes={"services.app.command": command}), 4)
    rate = found["error_rate"]
    assert rate.value == pytest.approx(1 / 15, abs=0.02)
    assert rate.low is not None
    assert rate.low > 0.01
    assert not rate.load_sensitive  # a plain 500 is no matter of a busy host
    assert recorder.value("errors", "status 500") > 3
    assert "recall_at_10" in found  # what fails now and then can still be compared


def test_what_cannot_be_measured_has_no_value_and_says_why(reference_stack: Any) -> None:
    context, recorder = reference_stack.context(PROFILE)
    expect = {"p99": {"at_most": "1s"}, "recall_at_10": {"at_least": 0.9}}
    written = {
        "title": "A few answers of five hits", "users": "search", "arrivals": {"rate": "30/s"}, "duration": "3s",
        "with": {"k": 5}, "expect": expect,
    }  # fmt: skip
    run_load(context, LoadSpec.model_validate(written))
    found = {one.name: one for one in recorder.observations}
    assert (found["p99"].value, "needs 368 samples" in found["p99"].detail) == (None, True)
    assert (found["recall_at_10"].value, "asks for 5 hits" in found["recall_at_10"].detail) == (None, True)


def test_rows_that_the_search_leaves_out_are_no_truth(fresh_stack: Callable[..., Any]) -> None:
    running = fresh_stack()
    context, _ = running.context("loadtests/test")
    questions = [one for one in questions_of(running.stack) if one.tenant == "acme"][:8]
    assert len(exact_answers(context, questions, 10)) == 8
    with session(running.stack.postgres().dsn(Role.ADMIN), timeout_seconds=10) as connection:
        connection.execute("CREATE POLICY kept ON chunks AS RESTRICTIVE USING (id % 5 > 0)")
    with pytest.raises(NotMeasurable, match=r"the search leaves rows of .*chunks out"):
        exact_answers(context, questions, 10)


def test_latencies_of_a_small_part_of_production_prove_nothing(reference_stack: Any) -> None:
    chunks = replace(reference_stack.facts.tables["chunks"], rows=2_000)  # of 10,000
    few = replace(reference_stack, facts=replace(reference_stack.facts, tables={"chunks": chunks}))
    for stack, bound in ((few, True), (reference_stack, False)):
        for _ in range(3):  # a host that is busy with other things measures no latencies
            found, _ = observed(stack, 5)
            if found["p95"].value is not None:
                break
        assert found["p95"].lower_bound is bound
        assert ("on 2000 of production's 10000 rows" in found["p95"].detail) is bound
        assert not found["error_rate"].lower_bound
