"""When the metrics probe takes its second look: once what was sent is counted."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from gonogo.core.deadline import Deadline
from gonogo.core.errors import NotMeasurable
from gonogo.probes.metrics import MetricsParameters, _settled
from gonogo.stacks.contract import Answer

if TYPE_CHECKING:
    from gonogo.probes._conversation import Conversation

PARAMETERS = MetricsParameters.model_validate(
    {"traffic": [{"call": "search"}], "increases": {"searches": "searches_total"}}
)


def talking(*counts: int | None) -> Conversation:
    """A conversation whose metrics count so, the last one again and again; None: they are not answered."""
    left: Iterator[int | None] = iter(counts[:-1])

    def metrics() -> Answer:
        count = next(left, counts[-1])
        text = f"# TYPE searches_total counter\nsearches_total {count}\n"
        return Answer(
            request="GET /metrics", status=None if count is None else 200, headers={"content-type": "text/plain"},
            body=text.encode(), started=0.0, seconds=0.01,
        )  # fmt: skip

    application = SimpleNamespace(metrics=metrics)
    return cast("Conversation", SimpleNamespace(application=application, deadline=Deadline.after(30)))


def count_of(*counts: int) -> str:
    before, _ = _settled(talking(7), PARAMETERS)
    return _settled(talking(*counts), PARAMETERS, before)[1].split()[-1]


@pytest.mark.parametrize(
    ("counts", "seen"),
    [
        ((12,), "12"),
        ((7, 7, 12), "12"),  # nothing is counted yet
        ((9, 11, 12), "12"),  # some of it is
    ],
)
def test_what_is_still_to_be_counted_is_waited_for(counts: tuple[int, ...], seen: str) -> None:
    assert count_of(*counts) == seen


def test_what_never_moves_is_seen_to_stand_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gonogo.probes.metrics.ARRIVAL_SECONDS", 0.3)
    assert count_of(7) == "7"


def test_metrics_that_do_not_answer_prove_nothing() -> None:
    with pytest.raises(NotMeasurable, match="cannot be fetched"):
        _settled(talking(None), PARAMETERS)
