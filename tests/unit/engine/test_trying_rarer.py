"""`gonogo doctor --stack` speaks of every request that a contract declares, also of those that few have."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from tests.unit.stacks.http_server import Server

from gonogo.engine.trial import Fit, Trial, try_contract
from gonogo.spec.contract import ContractSpec
from gonogo.stacks.contract import Application

REPORT = {"role": "primary", "standbys": [{"name": "replica", "state": "streaming", "lag": 0}]}
REPLICATION = {
    "request": "GET /replication", "role": "$.role", "standbys": "$.standbys[*]",
    "standby": {"name": "$.name", "state": "$.state", "lag_bytes": "$.lag"},
}  # fmt: skip


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def tried(server: Server, **contract: Any) -> dict[str, Trial]:
    spec = ContractSpec.model_validate(contract)
    with Application(f"http://127.0.0.1:{server.server_port}", spec, str) as application:
        return {one.what: one for one in try_contract(application, {}, writes=True)}


@pytest.mark.parametrize(
    ("report", "standby", "fit", "said"),
    [
        (REPORT, {}, Fit.FITS, "1 standbys"),
        (REPORT, {"state": "$.status"}, Fit.DIFFERS, "state selects nothing"),
        ({**REPORT, "standbys": []}, {}, Fit.UNPROVEN, "lists no standby"),
        ({"role": "primary"}, {}, Fit.DIFFERS, "standbys selects nothing"),
        (REPORT, {"state": "no path["}, Fit.DIFFERS, "is no JSONPath"),
    ],
)
def test_a_report_of_replication_is_asked_for_and_read(
    server: Server, report: Any, standby: dict[str, str], fit: Fit, said: str
) -> None:
    server.says(report)
    replication = {**REPLICATION, "standby": {**REPLICATION["standby"], **standby}}  # type: ignore[dict-item]
    found = tried(server, replication=replication)["replication"]
    assert found.fit is fit
    assert said in found.found


def test_what_changes_what_is_kept_is_not_tried_and_named(server: Server) -> None:
    found = tried(server, archive="POST /documents/{id}/archive", retention="POST /retention")
    assert {name: found[name].fit for name in ("archive", "retention")} == dict.fromkeys(
        ("archive", "retention"), Fit.UNTRIED
    )
    assert server.asked == []
    assert "replication" not in found  # few applications have one: it is no gap


def test_a_gap_in_what_is_not_tried_is_found_all_the_same(server: Server) -> None:
    found = tried(server, archive="POST /documents/{document}/archive")["archive"]
    assert found.fit is Fit.DIFFERS
    assert "{document}" in found.found
