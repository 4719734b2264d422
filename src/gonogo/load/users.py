"""The open-model user for locustfiles. Only locustfiles import this module.

    from gonogo.load.users import OpenModelUser

    class Search(OpenModelUser):
        '''Asks what the corpus knows.'''

Locust's own users wait for an answer before they ask again: while a service stalls they stop asking, and the stall
hardly shows. Here one user starts every request at its due instant, in a greenlet of its own, and the latency counts
from that instant.
"""

from __future__ import annotations

import locust  # first: it replaces blocking calls of the standard library, and what is imported later must see that

# isort: split
import dataclasses
import os
import random
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import gevent
import gevent.event
import gevent.pool
from geventhttpclient import HTTPClient  # Locust's own client, without its cookies: tenants must not share any

from gonogo.core.errors import NotMeasurable
from gonogo.load.arrivals import arrival_times
from gonogo.load.wire import SPEC_VARIABLE, TIMEOUT, Finished, Line, PlannedRequest, Sample, Started, Traffic, line_of
from gonogo.spec.contract import ContractSpec, RequestSpec
from gonogo.stacks.credentials import Credentials, Identity, Keyring
from gonogo.stacks.encoding import Prepared
from gonogo.stacks.exchange import Answer
from gonogo.stacks.reading import hits_in, id_in, said_in
from gonogo.stacks.sse import checked

LEAD_SECONDS = 0.1  # between the announcement and the first possible request
JOIN_MARGIN_SECONDS = 2.0
# What an answer of another shape makes its reader raise; without a sample of it, it would not be counted as an error.
UNAUTHORIZED = 401
UNREADABLE = (NotMeasurable, ValueError, TypeError, LookupError, AttributeError)


class OpenModelUser(locust.User):
    """Sends the planned requests when they are due. Override `choose` for another mix, `judge` for other answers."""

    abstract = True
    fixed_count = 1  # one dispatcher, however many users Locust is asked for

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        assert_cooperative_psycopg()
        self.traffic = Traffic.read(Path(os.environ[SPEC_VARIABLE]))
        self.random = random.Random(self.traffic.seed)  # noqa: S311 - traffic, not cryptography
        self._stopping = gevent.event.Event()
        self._flying = gevent.pool.Pool(self.traffic.in_flight_limit)
        self._dropped = self._cpu_warnings = 0
        self._prefix = urlsplit(self.traffic.base_url).path.rstrip("/")
        self._client = HTTPClient.from_url(
            self.traffic.base_url,
            concurrency=self.traffic.in_flight_limit,
            connection_timeout=self.traffic.timeout_seconds,
            network_timeout=self.traffic.timeout_seconds,
        )
        self._reads = {name: RequestSpec.model_validate(spec) for name, spec in self.traffic.reads.items()}
        self._names = [name for name in self.traffic.weights if any(one.name == name for one in self.traffic.requests)]
        self._callers = self._credentials()
        self._renewed: dict[str, Identity] = {}
        environment.events.test_stopping.add_listener(lambda **_: self._stopping.set())
        environment.events.cpu_warning.add_listener(self._count_cpu_warning)

    # --- what a locustfile may override

    def choose(self, number: int) -> PlannedRequest:  # noqa: ARG002 - for those who override it
        """The request to send as the `number`-th (from 0)."""
        if len(self._names) < 2:
            return self.random.choice(self.traffic.requests)
        weights = [self.traffic.weights[name] for name in self._names]
        (name,) = self.random.choices(self._names, weights)
        return self.random.choice([one for one in self.traffic.requests if one.name == name])

    def judge(self, request: PlannedRequest, body: bytes) -> tuple[bool | None, tuple[str, ...]]:
        """Whether a successful answer is right (None: nobody knows), and the keys of what it holds.

        Raises NotMeasurable or ValueError for an answer that cannot be read.
        """
        spec = self._reads.get(request.name)
        if spec is None:
            return None, ()
        answer = Answer(request=request.name, status=200, headers={}, body=body, started=0.0, seconds=0.0)
        if request.name == "chat":
            sources = said_in(spec, answer).sources
            return (None if request.known is None or not spec.sources else request.known in sources), ()
        if request.name == "ingest":
            return None, (id_in(spec, answer, ""),)
        if "document" not in spec.hit:
            return None, ()
        hits = hits_in(spec, answer)
        chunks = tuple(hit.chunk for hit in hits if hit.chunk is not None)
        return (None if request.known is None else request.known in [hit.document for hit in hits]), chunks

    # --- dispatching

    @locust.task
    def dispatch(self) -> None:
        """Start every request when it is due, whatever became of those before; then wait for the last answers."""
        traffic = self.traffic
        times = list(
            arrival_times(rate=traffic.rate, seconds=traffic.seconds, spacing=traffic.spacing, seed=traffic.seed)
        )
        began, cpu = time.monotonic() + LEAD_SECONDS, time.process_time()
        with Path(traffic.samples).open("a", encoding="utf-8", buffering=1) as self._lines:
            self._write(Started(at_s=began, planned=len(times)))
            due = self._start_all(began, times)
            self._flying.join(timeout=traffic.timeout_seconds + JOIN_MARGIN_SECONDS)
            unanswered = len(self._flying)
            self._flying.kill()
            share = (time.process_time() - cpu) / max(time.monotonic() - began, LEAD_SECONDS)
            self._write(
                Finished(
                    due=due,
                    dropped=self._dropped,
                    unanswered=unanswered,
                    cpu_share=round(share, 4),
                    cpu_warnings=self._cpu_warnings,
                )
            )
        gevent.spawn(self.environment.runner.quit)
        raise locust.exception.StopUser

    def _start_all(self, began: float, times: list[float]) -> int:
        """How many were due before the end or before Locust was told to stop."""
        for number, at in enumerate(times):
            wait = began + at - time.monotonic()
            if wait > 0:
                self._stopping.wait(timeout=wait)
            else:
                gevent.sleep(0)  # behind: those already started must get their turn
            if self._stopping.is_set():
                return number
            if self._flying.full():
                self._dropped += 1
            else:
                self._flying.spawn(self._send, self.choose(number), began + at)
        self._stopping.wait(timeout=max(0.0, began + self.traffic.seconds - time.monotonic()))
        return len(times)

    def _send(self, request: PlannedRequest, intended: float) -> None:
        sent = time.monotonic()
        answer, error = self._answered(request)
        ended = time.monotonic()
        correct: bool | None = None
        returned: tuple[str, ...] = ()
        if not error:
            try:
                correct, returned = self.judge(request, answer.body)
            except UNREADABLE:
                error = "unreadable"
        sample = Sample(
            name=request.name,
            key=request.key,
            intended_s=intended,
            sent_s=sent,
            ended_s=ended,
            ok=not error,
            status=answer.status,
            error=error,
            correct=correct,
            returned=returned,
            size_bytes=len(answer.body),
        )
        self._write(sample)
        if self.traffic.gentle and sample.rate_limited:
            self._stopping.set()
        self.environment.events.request.fire(
            request_type=request.method,
            name=request.name,
            response_time=1000 * sample.latency_seconds,
            response_length=sample.size_bytes,
            exception=RuntimeError(error) if error else None,
            context={},
        )

    def _answered(self, request: PlannedRequest) -> tuple[Answer, str]:
        """The answer and what is wrong with it, "" where nothing is. After a 401 a login is made again, once."""
        prepared = Prepared(
            method=request.method, path=request.path, headers=request.headers,
            body=None if request.body is None else request.body.encode(),
        )  # fmt: skip
        caller = self._renewed.get(request.who or "", Identity(who=request.who, token=request.token))
        answer = self._exchange(_as(caller, prepared))
        if answer.status == UNAUTHORIZED and caller.token is not None:
            answer = self._again(caller, prepared) or answer
        spec = self._reads.get(request.name)
        try:
            answer = checked(answer, spec) if spec is not None else answer
        except NotMeasurable:
            return answer, "unreadable"
        if answer.status is None:
            return answer, answer.error
        return answer, "" if answer.ok else "broken stream" if answer.broken else f"status {answer.status}"

    def _again(self, caller: Identity, prepared: Prepared) -> Answer | None:
        """The answer after another login; None where that gives no token."""
        try:
            again = self._callers.renewed(caller)
        except NotMeasurable:
            return None
        if again is None or again.who is None:
            return None
        self._renewed[again.who] = again
        return self._exchange(_as(again, prepared))

    def _exchange(self, request: Prepared) -> Answer:
        """What comes back within the time limit of one request."""
        started = time.monotonic()
        status: int | None = None
        headers, body, error = dict[str, str](), b"", ""
        try:
            with gevent.Timeout(self.traffic.timeout_seconds):
                response = self._client.request(
                    request.method, self._prefix + request.path, request.body or b"", dict(request.headers)
                )
                status = int(response.status_code)
                headers = {name.lower(): value for name, value in response.items()}
                body = bytes(response.read())
        except gevent.Timeout:
            status, error = None, TIMEOUT
        except Exception as failure:  # noqa: BLE001 - whatever the client raises, the request has failed
            status, error = None, kind_of(failure)
        return Answer(
            request=request.title, status=status, headers=headers, body=body, error=error,
            started=started, seconds=time.monotonic() - started,
        )  # fmt: skip

    def _credentials(self) -> Credentials:
        """Who sends: for those whose login must be made again. Its references were replaced by gonogo."""
        keyring = Keyring()
        for who, values in self.traffic.captured.items():
            keyring.captured[who].update(values)
        contract = ContractSpec.model_validate(self.traffic.contract)
        return Credentials(contract, str, keyring, self.traffic.base_url, self._exchange)

    def _write(self, line: Line) -> None:
        self._lines.write(line_of(line))

    def _count_cpu_warning(self, **_: Mapping[str, Any]) -> None:
        self._cpu_warnings += 1


def _as(caller: Identity, request: Prepared) -> Prepared:
    """A request with a caller's headers in the place of those that it was planned with."""
    replaced = {name.lower() for name in caller.headers}
    kept = {name: value for name, value in request.headers.items() if name.lower() not in replaced}
    return dataclasses.replace(request, headers={**kept, **caller.headers})


def kind_of(error: Exception) -> str:
    """One word for what went wrong on the way."""
    if isinstance(error, TimeoutError):
        return TIMEOUT
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, ConnectionError) or type(error).__name__ == "HTTPConnectionClosed":
        return "reset"
    return type(error).__name__


def assert_cooperative_psycopg() -> None:
    """psycopg imported before Locust blocks all greenlets at every query, without any error: refuse to measure so."""
    psycopg = sys.modules.get("psycopg")
    if psycopg is not None and psycopg.waiting.wait.__name__ == "wait_c":
        raise locust.exception.StopTest("import locust before psycopg: otherwise every query blocks all others")
