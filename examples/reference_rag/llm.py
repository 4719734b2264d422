"""The language model's client: timeout, retries with back-off, and a circuit breaker around them."""

import asyncio
import math
import random
import time
from collections.abc import Callable
from enum import IntEnum
from typing import Final

import httpx

from .errors import ModelUnavailable
from .logs import event
from .metrics import Metrics
from .settings import Settings

Message = dict[str, str]
_WORTH_RETRYING: Final = frozenset({429, 500, 502, 503, 504})


class BreakerState(IntEnum):
    """The values of rag_circuit_breaker_state."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class CircuitBreaker:
    """Stops calling what keeps failing.

    `failures` in a row open it. After `open_seconds` it is half-open: at most `trials` calls may be under way; the
    first success closes it, the first failure opens it again.
    """

    def __init__(self, *, failures: int, open_seconds: float, trials: int, on_trip: Callable[[], None]) -> None:
        self._limit = failures
        self._open_seconds = open_seconds
        self._trials = trials
        self._on_trip = on_trip
        self._failures = 0
        self._opened_at: float | None = None
        self._trials_under_way = 0

    @property
    def state(self) -> BreakerState:
        """Closed, open, or half-open because the time is over."""
        if self._opened_at is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if self.seconds_left > 0 else BreakerState.HALF_OPEN

    @property
    def seconds_left(self) -> float:
        """How long it stays open."""
        return 0.0 if self._opened_at is None else max(0.0, self._opened_at + self._open_seconds - time.monotonic())

    def admit(self) -> bool:
        """Whether a call may go on now; True makes it a trial. Raises ModelUnavailable when it may not go on at all."""
        state = self.state
        if state is BreakerState.CLOSED:
            return False
        if state is BreakerState.OPEN or self._trials_under_way >= self._trials:
            raise ModelUnavailable(retry_after=max(1, math.ceil(self.seconds_left)))
        self._trials_under_way += 1
        return True

    def finish(self, *, trial: bool) -> None:
        """A trial call has ended, in whatever way."""
        self._trials_under_way -= trial

    def succeeded(self) -> None:
        """A call went well."""
        self._failures = 0
        self._opened_at = None

    def failed(self) -> None:
        """A call failed, retries included."""
        self._failures += 1
        state = self.state
        if state is BreakerState.HALF_OPEN or (state is BreakerState.CLOSED and self._failures >= self._limit):
            self._opened_at = time.monotonic()
            self._on_trip()


class ChatModel:
    """Completes chats through an OpenAI-compatible endpoint."""

    def __init__(self, settings: Settings, client: httpx.AsyncClient, breaker: CircuitBreaker, metrics: Metrics):
        self._url = f"{settings.openai_base_url.rstrip('/')}/chat/completions"
        self._model = settings.chat_model
        self._retries = settings.llm_retries
        self._backoff = settings.llm_backoff
        self._timeout = settings.llm_timeout
        self._client = client
        self._breaker = breaker
        self._metrics = metrics

    async def complete(self, messages: list[Message]) -> str:
        """The model's answer. Raises ModelUnavailable, at once while the circuit breaker is open."""
        trial = self._breaker.admit()
        try:
            answer = await self._ask(messages, retries=0 if trial else self._retries)
        except (httpx.HTTPError, TimeoutError, ValueError, LookupError, TypeError) as error:
            self._breaker.failed()
            event("model call failed", reason=type(error).__name__, breaker=self._breaker.state.name.lower())
            wait = max(1, math.ceil(self._breaker.seconds_left))
            raise ModelUnavailable(retry_after=wait) from error
        else:
            self._breaker.succeeded()
            return answer
        finally:
            self._breaker.finish(trial=trial)

    async def _ask(self, messages: list[Message], retries: int) -> str:
        """Try up to 1 + `retries` times. A timeout is final: the caller has waited long enough."""
        for attempt in range(retries):
            try:
                return await self._ask_once(messages)
            except httpx.HTTPStatusError as error:
                if error.response.status_code not in _WORTH_RETRYING:
                    raise
            except httpx.TimeoutException:
                raise
            except httpx.TransportError as error:
                event("model call will be retried", reason=type(error).__name__)
            await asyncio.sleep(self._backoff * 2**attempt * random.uniform(0.5, 1.5))  # noqa: S311  # jitter, not a secret
        return await self._ask_once(messages)

    async def _ask_once(self, messages: list[Message]) -> str:
        started = time.monotonic()
        outcome = "error"
        try:
            # httpx limits each wait for bytes; this limits the call, also when the answer drips.
            async with asyncio.timeout(self._timeout):
                response = await self._client.post(self._url, json={"model": self._model, "messages": messages})
            response.raise_for_status()
            answer = str(response.json()["choices"][0]["message"]["content"])
            outcome = "success"
        except (httpx.TimeoutException, TimeoutError):
            outcome = "timeout"
            raise
        finally:
            self._metrics.llm_requests.labels(outcome).inc()
            self._metrics.llm_seconds.observe(time.monotonic() - started)
        return answer
