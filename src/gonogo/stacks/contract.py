"""The client of the application under verification: it speaks the requests of the contract."""

from __future__ import annotations

import json as jsonlib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from gonogo.core.errors import MissingCapability
from gonogo.spec.contract import ContractSpec, RequestSpec
from gonogo.stacks.credentials import Credentials, Identity, Keyring, LoginFailed
from gonogo.stacks.encoding import Prepared, prepared, resolved
from gonogo.stacks.exchange import Answer
from gonogo.stacks.interfaces import HttpService, Stack
from gonogo.stacks.reading import Hit, Said, hits_in, id_in, said_in
from gonogo.stacks.receiving import Receiving
from gonogo.stacks.sse import checked

__all__ = ["Answer", "Application", "ChatAnswer", "Hit", "Question", "SearchAnswer", "application_of", "questions_of"]

TIMEOUT_SECONDS = 10.0
LONGEST_PATIENCE_SECONDS = 5.0  # how long a 429 that gonogo earned itself is waited for
KEEPALIVE_SECONDS = 1.0  # shorter than any server's own: a connection is not used in the instant it is closed
LONGEST_URL = 60_000
PATH_SHOWN = 300  # of a path in messages
UNAUTHORIZED = 401
Who = str | Identity | None  # a tenant, somebody in particular, or anybody


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchAnswer:
    """An answered search; no hits where the answer was no success."""

    answer: Answer
    hits: tuple[Hit, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatAnswer:
    """An answered chat message; no text and no sources where the answer was no success."""

    answer: Answer
    text: str = ""
    sources: tuple[str, ...] = ()


class Application:
    """Speaks a contract. Thread-safe. Close it, or use it as a context manager."""

    def __init__(
        self,
        base_url: str,
        contract: ContractSpec,
        resolve: Callable[[str], str],
        *,
        keyring: Keyring | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        import httpx  # noqa: PLC0415 - 0.1 s that listing and planning need not pay

        self.base_url = base_url.rstrip("/")
        self._prefix = urlsplit(self.base_url).path
        self.contract = contract
        self.timeout_seconds = timeout_seconds
        self.callers = Credentials(contract, resolve, keyring or Keyring(), self.base_url, self._sent)
        self.resolve = resolve
        self._client = httpx.Client(
            verify=base_url.startswith("https"),  # no certificates are loaded where none are needed
            trust_env=False,
            limits=httpx.Limits(max_connections=None, keepalive_expiry=KEEPALIVE_SECONDS),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    # --- any request

    def send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        body: bytes | Iterable[bytes] | None = None,
        timeout_seconds: float | None = None,
    ) -> Answer:
        """Send one request; an iterable body is sent chunked. Never raises for what the service does."""
        import httpx  # noqa: PLC0415 - see __init__

        limit = timeout_seconds or self.timeout_seconds
        content: dict[str, Any] = {"json": json} if json is not None else {"content": body}
        shown = path if len(path) <= PATH_SHOWN else f"{path[:PATH_SHOWN]}… ({len(path)} characters)"
        receiving = Receiving(request=f"{method} {shown}", limit_seconds=limit)
        sent = dict(headers or {})
        url = self.base_url + path
        if len(url) > LONGEST_URL:  # httpx refuses to parse it, but sends it
            content["extensions"] = {"target": f"{self._prefix}{path}".encode()}
            url = self.base_url
        try:
            with self._client.stream(method, url, headers=sent, timeout=limit, **content) as response:
                receiving.read(response)
                return receiving.answer()
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError) as error:
            return receiving.answer(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)

    def _sent(self, request: Prepared) -> Answer:
        return self.send(request.method, request.path, headers=request.headers, body=request.body)

    def deliver(
        self,
        request: Prepared,
        caller: Identity,
        *,
        reads: RequestSpec | None = None,
        timeout_seconds: float | None = None,
        chunks: Callable[[bytes], Iterable[bytes]] | None = None,
    ) -> Answer:
        """Send a request as somebody. On 401 a login is made again, once. A broken stream is no success.

        `reads`: the request of the contract whose answer it is. Raises NotMeasurable where that should be a stream and
        is none.
        """

        def once(caller: Identity) -> Answer:
            own = caller.of(request)
            body = chunks(own.body) if chunks and own.body is not None else own.body
            return self.send(own.method, own.path, headers=own.headers, body=body, timeout_seconds=timeout_seconds)

        answer = once(caller)
        if answer.status == UNAUTHORIZED and caller.token is not None:
            try:
                again = self.callers.renewed(caller)
            except LoginFailed as error:
                return error.answer if not error.answer.ok else answer
            answer = once(again) if again else answer
        return checked(answer, reads) if reads is not None else answer

    # --- requests of the contract

    def declares(self, name: str) -> bool:
        """Whether the contract has a request of this name."""
        return isinstance(getattr(self.contract, name, None), RequestSpec)

    def spec(self, name: str) -> RequestSpec:
        """A request of the contract. Raises MissingCapability where it is not declared."""
        spec = getattr(self.contract, name, None)
        if not isinstance(spec, RequestSpec):
            raise MissingCapability(f"the contract declares no {name} request")
        return spec

    def prepare(self, name: str, caller: Identity, values: Mapping[str, Any]) -> Prepared:
        """A request of the contract as a caller would send it. Raises NotMeasurable for a placeholder without value."""
        return prepared(resolved(self.spec(name), self.resolve), {**caller.variables, **values})

    def call(
        self,
        name: str,
        *,
        tenant: Who = None,
        headers: Mapping[str, str] | None = None,
        patient: bool = True,
        timeout_seconds: float | None = None,
        **values: Any,
    ) -> Answer:
        """Send a request of the contract. A 429 is waited out once (at most 5 s) when `patient`.

        Where the login before it is refused, that refusal is the answer. Raises NotMeasurable where a login succeeds
        without a token, and where the answer should be a stream and is none.
        """
        spec = self.spec(name)
        try:
            caller = tenant if isinstance(tenant, Identity) else self.callers.of(tenant)
        except LoginFailed as error:
            if error.answer.ok:
                raise
            return error.answer
        request = self.prepare(name, caller, values)
        if headers:
            request = replace(request, headers={**request.headers, **headers})

        def once() -> Answer:
            return self.deliver(request, caller, reads=spec, timeout_seconds=timeout_seconds)

        answer = once()
        if not (patient and answer.rate_limited) or _retry_after(answer) > LONGEST_PATIENCE_SECONDS:
            return answer
        time.sleep(self.patience_seconds(answer))
        return once()

    @staticmethod
    def patience_seconds(answer: Answer) -> float:
        """How long a 429 is worth waiting for: what it says itself, at most 5 s."""
        return min(_retry_after(answer), LONGEST_PATIENCE_SECONDS)

    def search(
        self, tenant: Who, query: str, k: int = 10, *, patient: bool = True, timeout_seconds: float | None = None
    ) -> SearchAnswer:
        """Search as a tenant. Raises NotMeasurable when a success does not hold what the contract says."""
        answer = self.call("search", tenant=tenant, patient=patient, timeout_seconds=timeout_seconds, query=query, k=k)
        return SearchAnswer(answer=answer, hits=self.hits_of(answer) if answer.ok else ())

    def hits_of(self, answer: Answer) -> tuple[Hit, ...]:
        """The hits of a successful answer to a search. Raises NotMeasurable."""
        return hits_in(self.spec("search"), answer)

    def chat(
        self,
        tenant: Who,
        session: str,
        message: str,
        *,
        patient: bool = True,
        timeout_seconds: float | None = None,
    ) -> ChatAnswer:
        """Send a chat message as a tenant. Raises NotMeasurable when a success does not hold what the contract says."""
        answer = self.call(
            "chat", tenant=tenant, patient=patient, timeout_seconds=timeout_seconds, session=session, message=message
        )
        if not answer.ok:
            return ChatAnswer(answer=answer)
        said = self.said_in(answer)
        return ChatAnswer(answer=answer, text=said.text, sources=said.sources)

    def said_in(self, answer: Answer) -> Said:
        """What a successful answer to a chat says. Raises NotMeasurable."""
        return said_in(self.spec("chat"), answer)

    def ingest(
        self,
        tenant: Who,
        id: str,  # noqa: A002 - as in stack files
        title: str,
        text: str,
        *,
        patient: bool = True,
    ) -> Answer:
        """Store a document. Whether the service kept `id` is for `stored_id` to say."""
        return self.call("ingest", tenant=tenant, patient=patient, id=id, title=title, text=text)

    def stored_id(self, answer: Answer, asked: str) -> str:
        """The id under which a successful ingest stored its document."""
        return id_in(self.spec("ingest"), answer, asked)

    def document(self, tenant: Who, id: str, *, patient: bool = True) -> Answer:  # noqa: A002 - as in stack files
        """Fetch a document."""
        return self.call("document", tenant=tenant, patient=patient, id=id)

    def delete(self, tenant: Who, id: str, *, patient: bool = True) -> Answer:  # noqa: A002 - as in stack files
        """Delete a document."""
        return self.call("delete", tenant=tenant, patient=patient, id=id)

    def ready(self) -> Answer:
        """Ask for readiness."""
        return self.call("ready", patient=False)

    def live(self) -> Answer:
        """Ask for liveness."""
        return self.call("live", patient=False)

    def metrics(self) -> Answer:
        """Fetch the metrics."""
        return self.call("metrics")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question of known answer: `document` is the id of the document that answers it."""

    id: str
    tenant: str
    question: str
    document: str


def application_of(stack: Stack, *, service: HttpService | None = None) -> Application:
    """The client of a running stack's application, or of another instance of it."""
    url = (service or stack.application()).url
    return Application(url, stack.spec.contract, stack.resolve, keyring=getattr(stack, "keyring", None))


def questions_of(stack: Stack) -> tuple[Question, ...]:
    """The stack's questions of known answer. Raises MissingCapability when there is no corpus, or none to read."""
    if stack.spec.corpus is None:
        raise MissingCapability("the stack file names no corpus of questions with known answers")
    path = stack.spec_path.parent / stack.spec.corpus.questions
    try:
        records = [jsonlib.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        found = tuple(
            Question(
                id=str(one["id"]),
                tenant=stack.spec.corpus.as_ or one["tenant"],
                question=one["question"],
                document=str(one["document"]),
            )
            for one in records
        )
    except OSError as error:
        raise MissingCapability(f"the questions {path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise MissingCapability(
            f"the questions {path} are no lines of id, tenant, question, document: {error}"
        ) from error
    return _of_known_tenants(found, tuple(stack.spec.contract.tenants), path)


def _of_known_tenants(found: tuple[Question, ...], tenants: tuple[str, ...], path: Path) -> tuple[Question, ...]:
    """The questions that can be asked: a corpus may have some of tenants whose keys the contract does not name."""
    known = tuple(one for one in found if one.tenant in tenants) if tenants else found
    if found and not known:
        others = ", ".join(dict.fromkeys(one.tenant for one in found))
        raise MissingCapability(
            f"the questions {path} are asked as {others}, and the contract names only {', '.join(tenants)}"
        )
    return known


def _retry_after(answer: Answer) -> float:
    written = answer.headers.get("retry-after", "1")
    return float(written) if written.isdecimal() else 1.0
