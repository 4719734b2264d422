"""A PASS never covers what was not asked: requests that the contract does not name, samples that there are none of."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from gonogo.core.errors import NotMeasurable
from gonogo.core.observation import Observation
from gonogo.probes._conversation import Conversation
from gonogo.probes._exposition import Scrape
from gonogo.probes._sources import Exchange, observation
from gonogo.probes._steps import StepSpec, left_out_of
from gonogo.probes.isolation import Parameters, _left_out
from gonogo.probes.logs import LogsParameters, _private
from gonogo.probes.metrics import MetricsParameters, _movement
from gonogo.probes.model_outage import _calls, _of_chat
from gonogo.probes.service_outage import _not_asked
from gonogo.spec.contract import ContractSpec
from gonogo.stacks.contract import Answer, Application

SEARCH_ONLY = ContractSpec.model_validate({"search": "POST /search"})
NO_CHAT = ContractSpec.model_validate({"search": "POST /search", "without": ["chat"]})
SAID = "the contract says that the application has no chat request"
FORGOTTEN = "the contract declares no chat request (nor says `without: [chat]`)"


def told(observations: Any) -> list[tuple[str, str, Any, bool, str]]:
    return [(one.name, one.subject, one.value, one.not_applicable, one.detail) for one in observations]


def answer(body: Any, status: int | None = 200, **more: Any) -> Answer:
    return Answer(
        request="GET /x", status=status, headers={}, body=json.dumps(body).encode(), started=0.0, seconds=0.1, **more
    )  # fmt: skip


@pytest.mark.parametrize(("contract", "has_none", "reason"), [(SEARCH_ONLY, False, FORGOTTEN), (NO_CHAT, True, SAID)])
def test_of_an_outage_each_request_speaks_for_itself(contract: ContractSpec, has_none: bool, reason: str) -> None:
    with Application("http://127.0.0.1:9", contract, str) as application:
        seen = told(_not_asked(application, "chat", "needing_status", "status_afterwards"))
    assert seen == [
        ("needing_status", "chat", None, has_none, reason),
        ("status_afterwards", "chat", None, has_none, reason),
    ]


def test_a_way_to_leak_that_the_application_has_not_is_named() -> None:
    parameters = Parameters.model_validate({"through": "api", "ways": ["search", "chat"]})
    assert told(_left_out(parameters, NO_CHAT)) == [("leaks", "chat", None, True, SAID)]
    assert told(_left_out(parameters, SEARCH_ONLY)) == []  # the whole check is unsupported then


@pytest.mark.parametrize(
    ("contract", "counted"),
    [
        (NO_CHAT, [("private_texts", "", (), False, ""), ("private_texts", "chat", None, True, SAID)]),
        (
            ContractSpec.model_validate({"document": "GET /documents/{id}", "without": ["search", "chat"]}),
            [
                ("private_texts", "", (), False, "no request that was sent holds the private text"),
                ("private_texts", "search", None, True, SAID.replace("chat", "search")),
                ("private_texts", "chat", None, True, SAID),
            ],
        ),
    ],
)
def test_a_text_that_nobody_sent_is_not_missing_from_the_log(contract: ContractSpec, counted: Any) -> None:
    traffic = [
        {"call": "search", "query": "{token}-private"},
        {"call": "chat", "message": "{token}-private"},
        {"call": "document"},
    ]
    parameters = LogsParameters.model_validate({"traffic": traffic, "private": "{token}-private"})
    seen = list(_private(parameters, contract, ["one line"], "t"))
    assert told(seen) == counted
    assert (seen[0].n == 1) is (not seen[0].detail)  # over nothing it cannot pass


@pytest.mark.parametrize(("left_out", "value"), [("", ("chats",)), (SAID, None)])
def test_a_metric_that_stands_still_is_no_finding_where_its_traffic_was_left_out(left_out: str, value: Any) -> None:
    written = {"traffic": [{"call": "search"}], "moves": ["chats"], "increases": {"counted": "chats"}}
    scrape = Scrape(samples={("chats", frozenset()): 1.0}, families=frozenset({"chats"}))
    parameters = MetricsParameters.model_validate(written)
    unmoved, counted = _movement(parameters, (scrape, scrape), 1, left_out, "")
    assert (unmoved.value, counted.value) == (value, None if left_out else 0.0)
    assert all(SAID in one.detail for one in (unmoved, counted)) is bool(left_out)


def test_what_traffic_leaves_out_is_said() -> None:
    steps = (StepSpec.model_validate({"call": ["search", "chat"]}),)
    assert (left_out_of(steps, NO_CHAT), left_out_of(steps, SEARCH_ONLY)) == (SAID, FORGOTTEN)


def test_the_document_describes_every_request_also_the_rarer_ones() -> None:
    contract = ContractSpec.model_validate(
        {"openapi": "GET /openapi.json", "search": "POST /search", "archive": "POST /documents/{id}/archive"}
    )
    with Application("http://127.0.0.1:9", contract, str) as application:

        def seen(body: Any) -> Observation:
            exchange = Exchange(
                subject="s", call="openapi", answers=(answer(body),), application=application, values={}
            )  # fmt: skip
            return observation("undocumented", "undocumented", exchange, "")

        found = seen({"paths": {"/search": {"post": {}}}})
        assert (found.value, found.n) == (("POST /documents/{id}/archive",), 2)
        application.contract = ContractSpec.model_validate({"openapi": "GET /openapi.json"})
        assert seen({"paths": {"/search": {"post": {}}}}).n == 0
        with pytest.raises(NotMeasurable, match="no OpenAPI document"):
            seen(["no", "document"])


def test_without_questions_nothing_is_answered_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gonogo.probes._conversation.questions_of", lambda _stack: ())
    with Application("http://127.0.0.1:9", SEARCH_ONLY, str) as application:
        talk = Conversation(stack=cast("Any", None), application=application, deadline=cast("Any", None))
        with pytest.raises(NotMeasurable, match="no question of known answer"):
            list(talk.perform(StepSpec.model_validate({"call": "search", "questions": 5})))


def test_a_model_that_does_not_say_how_often_it_was_asked_was_not_asked_seldom() -> None:
    with Application("http://127.0.0.1:9", SEARCH_ONLY, str) as nobody, pytest.raises(NotMeasurable, match="how often"):
        _calls(nobody)


def test_a_refusal_inside_a_stream_says_when_it_came_and_no_status() -> None:
    seen = {one.name: one for one in _of_chat(answer("", failed=True, broken="its stream carries an error: no"), 0.0)}
    assert seen["chat_seconds"].value == 0.1
    assert {name for name, one in seen.items() if one.value is None} == {"chat_status", "retry_after", "error_type"}
    assert not any(one.not_applicable for one in seen.values())
