"""When a service is said to work again: what is in flight counts, and so does what breaks later."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gonogo.core.deadline import Deadline
from gonogo.runners import chaos, probing
from gonogo.runners.beneath import STREAK, Beneath
from gonogo.runners.probing import InFlight, Probers, Reply, lasting
from gonogo.runners.story import Story
from gonogo.stacks.contract import Application, Question
from gonogo.stacks.exchange import Answer

HANGS_SECONDS = 1.0
QUESTION = cast("Question", SimpleNamespace(id="q1", tenant=None, question="who?", document="a"))


def reply(at: float, *, right: bool = True, status: int | None = 200) -> Reply:
    return Reply(sent_at=at, ended_at=at + 0.01, status=status, correct=True if right else None)


def first_of(replies: list[Reply], in_flight: tuple[float, ...] = (), *, after: float = 0.0) -> Reply | None:
    return lasting(replies, in_flight, after=after, length=3, good=lambda one: bool(one.correct))


def test_one_lucky_answer_does_not_last() -> None:
    replies = [reply(1), reply(2), reply(3, right=False), reply(4), reply(5), reply(6)]

    assert first_of(replies) == reply(4)
    assert first_of(replies, after=4.5) is None
    assert first_of(replies[:5]) is None


def test_what_breaks_later_is_what_it_lasts_since() -> None:
    replies = [reply(at) for at in (1, 2, 3, 4)] + [reply(5, right=False)]

    assert first_of(replies) is None
    assert first_of([*replies, reply(6), reply(7), reply(8)]) == reply(6)


def test_a_rate_limit_neither_ends_it_nor_counts() -> None:
    limited = reply(1.5, right=False, status=429)

    assert first_of([reply(1), limited, reply(2), reply(3)]) == reply(1)
    assert first_of([reply(1), limited, reply(2)]) is None


def test_a_request_without_an_answer_counts_from_when_it_was_sent() -> None:
    now = time.monotonic()
    replies = [reply(now - ago) for ago in (5, 4, 3, 2)]

    assert first_of(replies, (now - 3.5,)) is None  # it belongs among the first three
    assert first_of(replies, (now - 2.5,)) is None  # it was overtaken, and takes longer than those ever did
    assert first_of(replies, (now - 1.5,)) == replies[0]  # the newest are always in flight
    assert first_of(replies, (now - 6,), after=now - 5.5) == replies[0]  # sent before


class TwoWorkers:
    """A service with two workers that take turns; one of them hangs when told to."""

    contract = SimpleNamespace(cached=False)

    def __init__(self) -> None:
        self.hanging = threading.Event()
        self._turns = itertools.count()

    def declares(self, name: str) -> bool:
        return name == "search"

    def call(self, name: str, **_: Any) -> Answer:
        started = time.monotonic()
        answer: Callable[..., Answer] = lambda **told: Answer(  # noqa: E731 - two answers that differ in one word
            request=name, headers={}, started=started, seconds=time.monotonic() - started, **told
        )
        if next(self._turns) % 2 and self.hanging.is_set():
            time.sleep(HANGS_SECONDS)
            return answer(error="timeout")
        return answer(status=200)

    def hits_of(self, _: Answer) -> list[SimpleNamespace]:
        return [SimpleNamespace(document="a")]


@contextmanager
def asked(service: TwoWorkers) -> Iterator[Beneath]:
    with Probers(cast("Application", service), [QUESTION]) as probers:
        beneath = Beneath.__new__(Beneath)
        beneath.probers, beneath.ledger, beneath._running = probers, None, None
        yield beneath


def test_a_service_of_which_one_worker_hangs_has_not_recovered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "PAUSE_SECONDS", 0.02)
    monkeypatch.setattr(chaos, "RECOVERY_SECONDS", 0.8)
    service = TwoWorkers()
    service.hanging.set()
    context = SimpleNamespace(progress=lambda _: None, deadline=Deadline.after(60))
    story = Story(began_at=time.monotonic(), heal_began_at=time.monotonic())
    with asked(service) as beneath:
        back = chaos._await_recovery(cast("Any", context), beneath, story)
        chaos._end_traffic(beneath, story)

    assert sum(bool(one.correct) for one in beneath.probers.replies) > STREAK
    assert (back, story.recovered_at) == (False, None)
    assert story.gave_up_at - story.heal_began_at >= 0.8


def test_a_worker_that_hangs_after_the_first_good_answers_is_noticed_when_all_are_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(probing, "PAUSE_SECONDS", 0.02)
    service = TwoWorkers()
    context = SimpleNamespace(progress=lambda _: None, deadline=Deadline.after(60))
    story = Story(began_at=time.monotonic(), heal_began_at=time.monotonic())
    with asked(service) as beneath:
        assert chaos._await_recovery(cast("Any", context), beneath, story)
        assert story.recovered_at is not None
        service.hanging.set()
        Deadline.after(20).poll(
            lambda: len(beneath.probers.searching.instants) > 1, every_seconds=0.01, what="requests hang"
        )
        chaos._end_traffic(beneath, story)

    assert story.recovered_at is None


def test_an_error_after_the_first_good_answers_moves_the_instant_of_recovery() -> None:
    replies = [*map(reply, range(11, 17)), reply(17, right=False), *map(reply, range(18, 24))]
    beneath = Beneath.__new__(Beneath)
    beneath.ledger, beneath._running = None, None
    beneath.probers = cast("Any", SimpleNamespace(replies=replies, searching=InFlight(), stop=lambda: None))
    story = Story(began_at=0.0, heal_began_at=10.0, recovered_at=11.01, gave_up_at=12.0)
    chaos._end_traffic(beneath, story)

    assert story.recovered_at == pytest.approx(18.01)
    assert story.gave_up_at == pytest.approx(18.01)
