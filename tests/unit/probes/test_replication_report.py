"""What a replication report says, what it lacks, and where it contradicts the primary."""

from __future__ import annotations

import json
from typing import Any

from gonogo.probes._replication_report import FIELDS, Known, Report, compared, disagreements, report_of
from gonogo.spec.contract import ReplicationSpec
from gonogo.stacks.exchange import Answer

SPEC = ReplicationSpec(
    request="GET /status",
    role="$.role",
    standbys="$.standbys[*]",
    standby={"name": "$.name", "state": "$.state", "lag_bytes": "$.lag", "lag_seconds": "$.behind",
             "heartbeat_age": "$.heard"},
)  # fmt: skip
GOOD = {"name": "replica", "state": "streaming", "lag": 0, "behind": "0.0", "heard": 0.3}
TOLERANCE = 1000.0


def read(body: Any, spec: ReplicationSpec = SPEC) -> Report:
    """The report in an answer."""
    answer = Answer(
        request="GET /status", status=200, headers={}, body=json.dumps(body).encode(), started=0.0, seconds=0.1
    )
    return report_of(spec, answer, FIELDS)


def contradictions(body: Any, **truth: float) -> tuple[str, ...]:
    """What it says against a primary whose standbys have these lags."""
    known = {name: Known(state="streaming", lag_bytes=lag) for name, lag in truth.items()}
    return disagreements(SPEC, read(body), known, known, TOLERANCE)


def test_a_complete_report_lacks_nothing_and_contradicts_nothing() -> None:
    report = read({"role": "Primary", "standbys": [GOOD]})

    assert report.missing == ()
    assert report.standbys["replica"].lag_seconds == 0.0  # numbers may be written as text
    assert contradictions({"role": "Primary", "standbys": [GOOD]}, replica=0) == ()


def test_a_field_is_missing_where_it_is_absent_null_or_not_in_the_contract() -> None:
    without = SPEC.model_copy(update={"standby": {k: v for k, v in SPEC.standby.items() if k != "state"}})

    report = read({"standbys": [{**GOOD, "lag": None, "heard": 1}]}, without)

    assert report.missing == ("role", "state (the contract names no path)", "lag_bytes")


def test_a_report_without_standbys_lacks_all_their_fields() -> None:
    assert "heartbeat_age (no standby is listed)" in read({"role": "primary", "standbys": []}).missing
    assert read({"role": "primary"}).missing[0] == "standbys"


def test_a_lag_of_another_unit_contradicts_the_primary() -> None:
    found = contradictions({"role": "primary", "standbys": [{**GOOD, "lag": 1024}]}, replica=1024 * 1024)

    assert found == ("lag_bytes of replica is 1024, and it has not replayed 1048576 to 1048576",)


def test_roles_and_names_are_compared() -> None:
    unlisted = contradictions({"role": "standby", "standbys": []}, replica=0)
    invented = contradictions({"role": "primary", "standbys": [GOOD]})

    assert unlisted == (
        "role is 'standby', and the server is the primary",
        "replica is not listed, and it is connected",
    )
    assert invented == ("replica is 'streaming', and the primary has no such standby",)


def test_what_was_compared_is_counted_and_a_report_that_says_nothing_is_nothing() -> None:
    known = {"replica": Known(state="streaming", lag_bytes=0)}
    assert compared(read({"role": "primary", "standbys": [GOOD]}), known, known) == 3
    assert compared(read({"role": "primary", "standbys": [{**GOOD, "lag": None}]}), known, known) == 2
    assert compared(read({"standbys": []}), {}, {}) == 0
