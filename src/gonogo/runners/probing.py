"""Probers: while faults come and go, they ask questions of known answer and whether the service calls itself ready."""

from __future__ import annotations

import http
import itertools
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from gonogo.core.errors import HarnessError, NotMeasurable
from gonogo.stacks.contract import Application, Question
from gonogo.stacks.exchange import Answer

PAUSE_SECONDS = 0.1  # requests begin so often, whether or not the ones before them were answered
IN_FLIGHT = 200  # more than a service that answers nothing lets pile up until each request is given up
ANSWER_SECONDS = 12.0  # longer than faults are held, so that an answer that waits for the end of the fault is seen
READY_SECONDS = 3.0
QUESTIONS = 12
HITS = 10
MOST_MORE = 40  # hits; services refuse numbers that are much larger
ASKED = itertools.count()  # of all probers: what an earlier scenario asked may still be in a cache
REFUSALS = (http.HTTPStatus.TOO_MANY_REQUESTS, http.HTTPStatus.SERVICE_UNAVAILABLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What became of one request. Instants are monotonic seconds."""

    sent_at: float
    ended_at: float
    status: int | None  # None: no answer
    correct: bool | None = None  # of a success: whether the known document was found
    clear: bool = False  # of an error: a refusal that says when to come again
    detail: str = ""

    @property
    def seconds(self) -> float:
        """How long the caller waited."""
        return self.ended_at - self.sent_at

    @property
    def succeeded(self) -> bool:
        """Whether it was answered with success, rightly or wrongly."""
        return self.correct is not None

    @property
    def rate_limited(self) -> bool:
        """The service defended itself against gonogo: neither good nor bad."""
        return self.status == http.HTTPStatus.TOO_MANY_REQUESTS


class InFlight:
    """When the requests were sent that have no answer so far."""

    def __init__(self) -> None:
        self._sent: dict[object, float] = {}

    @contextmanager
    def one(self) -> Iterator[None]:
        """Around a request, and around keeping its reply: at no instant is it in neither place."""
        key = object()
        self._sent[key] = time.monotonic()
        try:
            yield
        finally:
            del self._sent[key]

    @property
    def instants(self) -> tuple[float, ...]:
        """Monotonic seconds, one for each of them."""
        return tuple(self._sent.values())


class Probers:
    """Ask at a fixed pace until told to stop. A context manager; `stop` ends them earlier."""

    def __init__(self, application: Application, questions: Sequence[Question]) -> None:
        self.replies: list[Reply] = []
        self.readiness: list[Reply] = []
        self.searching, self.asking_ready = InFlight(), InFlight()
        self.questions = known_answers(application, questions)
        self._application = application
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="probe")
        self._asked: list[Future[None]] = []
        self._thread = threading.Thread(target=self._run, name="probers", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """End it; requests in flight get their answer first, or run into their limit. Idempotent.

        Raises HarnessError where a prober failed: what it did not see must not look like silence of the service.
        """
        self._stopping.set()
        self._thread.join(ANSWER_SECONDS)
        self._pool.shutdown(wait=True, cancel_futures=True)
        for one in self._asked:
            if not one.cancelled() and (error := one.exception()):
                raise HarnessError(f"a prober failed: {type(error).__name__}: {error}") from error

    def _run(self) -> None:
        due = time.monotonic()
        asks_ready = self._application.declares("ready")
        while not self._stopping.wait(due - time.monotonic()):
            number = next(ASKED)
            question = self.questions[number % len(self.questions)]
            self._asked.append(self._pool.submit(self._search, question, self._more(number)))
            if asks_ready:
                self._asked.append(self._pool.submit(self._ask_ready))
            due = max(due + PAUSE_SECONDS, time.monotonic())

    def _more(self, number: int) -> int:
        """A service that remembers its answers has none for a number of hits that it was not asked for before."""
        cached = self._application.contract.cached
        return 1 + number // len(self.questions) % MOST_MORE if cached else 0

    def _search(self, question: Question, more: int) -> None:
        with self.searching.one():
            self.replies.append(ask(self._application, question, more))

    def _ask_ready(self) -> None:
        with self.asking_ready.one():
            answer = self._application.call("ready", patient=False, timeout_seconds=READY_SECONDS)
            self.readiness.append(_reply(answer, correct=True if answer.ok else None))


def ask(application: Application, question: Question, more: int = 0) -> Reply:
    """Ask one question and judge the answer by its content: by its first hits, also where `more` are asked for."""
    answer = application.call(
        "search", tenant=question.tenant, patient=False, timeout_seconds=ANSWER_SECONDS, query=question.question,
        k=HITS + more,
    )  # fmt: skip
    if not answer.ok:
        return _reply(answer)
    try:
        found = {hit.document for hit in application.hits_of(answer)[:HITS]}
    except NotMeasurable as error:  # before the fault the same request was answered as the contract says
        return _reply(answer, correct=False, detail=str(error))
    correct = question.document in found
    detail = "" if correct else f"{question.id}: {question.document} is not among {len(found)} hits"
    return _reply(answer, correct=correct, detail=detail)


def known_answers(application: Application, questions: Sequence[Question]) -> tuple[Question, ...]:
    """The questions that are answered rightly before any fault: only they can tell a wrong answer.

    Raises NotMeasurable when there is none.
    """
    step = max(1, len(questions) // QUESTIONS)
    chosen = questions[::step][:QUESTIONS]
    replies = [(question, ask(application, question)) for question in chosen]
    good = tuple(question for question, reply in replies if reply.correct)
    if not good:
        seen = f"the first answer was {replies[0][1].status}, {replies[0][1].detail}" if replies else "there is none"
        raise NotMeasurable(f"before the fault no question of known answer is answered rightly: {seen}")
    return good


def lasting(
    replies: Iterable[Reply], in_flight: Collection[float], *, after: float, length: int, good: Callable[[Reply], bool]
) -> Reply | None:
    """The first of the good replies to what was sent since the last bad one, and after an instant; None so far.

    There must be `length` of them. `in_flight` (monotonic seconds, looked at before the replies) are requests without
    an answer: while one of them hangs, nothing lasts.
    """
    run: list[Reply] = []
    for reply in sorted(replies, key=lambda one: one.sent_at):
        if reply.sent_at < after or reply.rate_limited:
            continue
        if good(reply):
            run.append(reply)
        else:
            run.clear()
    if len(run) < length or _hangs(run, [one for one in in_flight if one >= after], length):
        return None
    return run[0]


def _hangs(run: Sequence[Reply], in_flight: Sequence[float], length: int) -> bool:
    """Whether a request belongs among the first `length`, or was overtaken and waits longer than any of the others."""
    oldest = min(in_flight, default=time.monotonic())
    slowest_seconds = max(one.seconds for one in run)
    return oldest < run[length - 1].sent_at or (
        oldest < run[-1].sent_at and time.monotonic() - oldest > slowest_seconds
    )


def _reply(answer: Answer, *, correct: bool | None = None, detail: str = "") -> Reply:
    return Reply(
        sent_at=answer.started,
        ended_at=answer.started + answer.seconds,
        status=answer.status,
        correct=correct,
        clear=answer.status in REFUSALS and "retry-after" in answer.headers,
        detail=detail or answer.error,
    )
