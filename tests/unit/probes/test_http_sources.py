"""What the http probe takes from answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from gonogo.core.errors import NotMeasurable
from gonogo.probes._sources import Exchange, check_source, observation
from gonogo.probes._steps import StepSpec
from gonogo.probes.http import _seen
from gonogo.spec.contract import ContractSpec
from gonogo.stacks.contract import Answer, Application

CONTRACT = ContractSpec.model_validate(
    {
        "tenants": {"acme": {"headers": {"X-API-Key": "k-acme-1234"}}},
        "document": "GET /documents/{id}",
        "search": {"request": "POST /search", "hits": "$.hits[*]", "hit": {"document": "$.id"}},
        "chat": {"request": "POST /chat", "answer": "$.answer", "sources": "$.sources[*]"},
    }
)


@pytest.fixture
def application() -> Iterator[Application]:
    with Application("http://127.0.0.1:9", CONTRACT, str) as client:
        yield client


def answer(status: int | None, body: Any = "", seconds: float = 0.01, **headers: str) -> Answer:
    text = body if isinstance(body, str) else json.dumps(body)
    return Answer(
        request="POST /search", status=status, headers=headers, body=text.encode(), started=0.0, seconds=seconds
    )


def taken(application: Application, source: str, *answers: Answer, right: int | None = None) -> Any:
    exchange = Exchange(
        subject="step",
        call="search",
        answers=answers,
        application=application,
        values={"id": "d1", "token": "t1"},
        right=right,
    )
    return observation("seen", source, exchange, "")


@pytest.mark.parametrize(
    "source", ["status", "p95", "header Retry-After", "count 429", "$.a[*].b", "documents contains {id}", "$.a == {id}"]
)
def test_a_known_source_is_accepted(source: str) -> None:
    check_source(source)


@pytest.mark.parametrize("source", ["statsu", "header", "headers X", "documents has {id}", ""])
def test_an_unknown_source_is_refused_with_those_that_are_known(source: str) -> None:
    with pytest.raises(ValueError, match="known: status"):
        check_source(source)


def test_the_worst_of_several_statuses_counts_and_silence_is_the_worst(application: Application) -> None:
    assert taken(application, "status", answer(200), answer(500), answer(200)).value == 500
    assert taken(application, "status", answer(500), answer(None)).value == 0


@pytest.mark.parametrize(
    ("step", "statuses"),
    [
        ({"call": "search", "as": "nobody", "repeat": 3}, [401, 200]),  # one of three got in
        ({"call": "search", "repeat": 3, "until": 401}, [401]),
    ],
)
def test_every_status_of_a_repeated_step_is_judged(
    application: Application, step: dict[str, Any], statuses: list[int]
) -> None:
    answers = (answer(401), answer(200), answer(401))
    exchange = Exchange(subject="step", call="search", answers=answers, application=application, values={})
    first = observation("status", "status", exchange, "")
    seen = list(_seen(first, "status", StepSpec.model_validate(step), exchange))
    assert [one.value for one in seen] == statuses
    assert {one.n for one in seen} == {3}


def test_what_is_missing_is_empty_and_never_an_error(application: Application) -> None:
    assert taken(application, "$.error.code", answer(500, "no JSON")).value == ""
    assert taken(application, "$.error.code", answer(404, {"detail": "no"})).value == ""
    assert taken(application, "header X-Request-ID", answer(200)).value == ""


def test_a_search_that_failed_does_not_show_that_a_document_is_gone(application: Application) -> None:
    assert taken(application, "documents contains {id}", answer(200, {"hits": []})).value is False
    assert taken(application, "documents contains {id}", answer(200, {"hits": [{"id": "d1"}]})).value is True
    assert taken(application, "documents contains {id}", answer(500, {"hits": []})).value is None


def test_a_percentile_counts_successes_only_and_says_how_many(application: Application) -> None:
    answers = [answer(200, seconds=0.001 * number) for number in range(1, 101)] + [answer(500, seconds=9.0)]
    p95 = taken(application, "p95", *answers)
    assert (p95.value, p95.n, p95.unit, p95.load_sensitive) == (0.095, 100, "s", True)
    assert taken(application, "p95", answer(500)).value is None


def test_the_share_of_right_answers_needs_questions(application: Application) -> None:
    assert taken(application, "answered_right", answer(200), answer(200), right=1).value == 0.5
    with pytest.raises(NotMeasurable):
        taken(application, "answered_right", answer(200))


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ('{"error": {"code": "not_found", "message": "There is no such document."}}', ()),
        ("Please select a file from the list and update it where needed.", ()),
        ('Traceback (most recent call last):\n  File "/srv/app.py", line 3', ("stack trace",)),
        ("java.lang.Error\n    at com.example.Main.run(Main.java:5)", ("stack trace",)),
        ("syntax error in SELECT id FROM chunks", ("SQL",)),
        ("psycopg.errors.UndefinedTable", ("driver",)),
        ("connection to postgresql://app:pw@db/rag failed", ("host",)),
        ("could not reach 10.0.0.7", ("host",)),
        ("your key k-acme-1234 is wrong", ("credential",)),
    ],
)
def test_inside_knowledge_is_recognised(application: Application, text: str, kinds: tuple[str, ...]) -> None:
    assert taken(application, "leaks", answer(404, text)).value == kinds


def test_requests_that_openapi_does_not_describe_are_named(application: Application) -> None:
    described: dict[str, Any] = {
        "paths": {"/documents/{document_id}": {"get": {}}, "/search": {"get": {}}, "/chat": {"post": {}}}
    }
    assert taken(application, "undocumented", answer(200, described)).value == ("POST /search",)
    assert taken(application, "undocumented", answer(404)).value is None


@pytest.mark.parametrize(
    ("call", "source", "sample", "bound"),
    [
        ("search", "p95", "on 2000 of production's 1000000 rows", True),
        ("search", "p95", "", False),
        ("search", "status", "on 2000 of production's 1000000 rows", False),
        ("live", "p95", "on 2000 of production's 1000000 rows", False),
    ],
)
def test_a_search_among_too_few_rows_is_quick_without_proving_anything(
    application: Application, call: str, source: str, sample: str, bound: bool
) -> None:
    exchange = Exchange(subject="step", call=call, answers=(answer(200),), application=application, values={})
    seen = observation("seen", source, exchange, "", sample=sample)
    assert (seen.lower_bound, seen.detail) == (bound, sample if bound else "")


@pytest.mark.parametrize(
    ("statuses", "until", "status", "hurried"),
    [
        ((200, 200), None, 200, False),
        ((200, 503, 200), None, 503, True),  # a host that is busy elsewhere may be the reason
        ((500, 200), None, 500, False),
        ((200, 503, 429), 429, 429, True),  # what the burst was sent for came
        ((200, 429), 429, 429, False),
        ((200, 200), 429, 200, True),  # too slow a burst uses no limit up
    ],
)
def test_what_a_busy_host_may_be_the_reason_of_is_told(
    application: Application, statuses: tuple[int, ...], until: int | None, status: int, hurried: bool
) -> None:
    exchange = Exchange(
        subject="step", call="search", answers=tuple(map(answer, statuses)), application=application, values={},
        until=until,
    )  # fmt: skip
    seen = observation("seen", "status", exchange, "")
    assert (seen.value, seen.load_sensitive) == (status, hurried)
