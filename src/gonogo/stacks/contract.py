"""The client of the application under verification: it speaks the requests of the contract."""

from __future__ import annotations

import json as jsonlib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from gonogo.core.errors import MissingCapability, UsageError
from gonogo.spec.contract import ContractSpec, RequestSpec
from gonogo.stacks.exchange import Answer, fill, fill_path, select
from gonogo.stacks.interfaces import HttpService, Stack

if TYPE_CHECKING:
    import httpx

__all__ = ["Answer", "Application", "ChatAnswer", "Hit", "Question", "SearchAnswer", "application_of", "questions_of"]

TIMEOUT_SECONDS = 10.0
LONGEST_PATIENCE_SECONDS = 5.0  # how long a 429 that gonogo earned itself is waited for
KEEPALIVE_SECONDS = 1.0  # shorter than any server's own: a connection is not used in the instant it is closed
BODY_LIMIT_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One result of a search."""

    document: str
    chunk: str | None = None
    text: str = ""
    score: float | None = None


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
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        import httpx  # noqa: PLC0415 - 0.1 s that listing and planning need not pay

        self.base_url = base_url.rstrip("/")
        self.contract = contract
        self.timeout_seconds = timeout_seconds
        self._resolve = resolve
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
        tenant: str | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        body: bytes | Iterable[bytes] | None = None,
        timeout_seconds: float | None = None,
    ) -> Answer:
        """Send one request; an iterable body is sent chunked. Never raises for what the service does."""
        import httpx  # noqa: PLC0415 - see __init__

        request, limit = f"{method} {path}", timeout_seconds or self.timeout_seconds
        sent = {
            **self.tenant_headers(tenant),
            **{name: self._resolve(value) for name, value in (headers or {}).items()},
        }
        content: dict[str, Any] = {"json": json} if json is not None else {"content": body}
        started = time.monotonic()
        try:
            with self._client.stream(method, self.base_url + path, headers=sent, timeout=limit, **content) as response:
                received = _read(response, started + limit)
                return Answer(
                    request=request,
                    status=response.status_code,
                    headers={name.lower(): value for name, value in response.headers.items()},
                    body=received,
                    started=started,
                    seconds=time.monotonic() - started,
                )
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            seconds = time.monotonic() - started
            return Answer(request=request, headers={}, error=reason, started=started, seconds=seconds)

    def tenant_headers(self, tenant: str | None) -> dict[str, str]:
        """How a tenant of the contract identifies itself. Raises UsageError for an unknown one."""
        if tenant is None:
            return {}
        if tenant not in self.contract.tenants:
            raise UsageError(f"the contract has no tenant {tenant!r} (known: {', '.join(self.contract.tenants)})")
        return {name: self._resolve(value) for name, value in self.contract.tenants[tenant].headers.items()}

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

    def call(
        self,
        name: str,
        *,
        tenant: str | None = None,
        headers: Mapping[str, str] | None = None,
        patient: bool = True,
        timeout_seconds: float | None = None,
        **values: Any,
    ) -> Answer:
        """Send a request of the contract. A 429 is waited out once (at most 5 s) when `patient`."""
        spec = self.spec(name)
        path, json = fill_path(spec.path, values), fill(spec.json_, values)
        own = {**spec.headers, **(headers or {})}

        def once() -> Answer:
            return self.send(spec.method, path, tenant=tenant, headers=own, json=json, timeout_seconds=timeout_seconds)

        answer = once()
        if not (patient and answer.rate_limited):
            return answer
        time.sleep(self.patience_seconds(answer))
        return once()

    @staticmethod
    def patience_seconds(answer: Answer) -> float:
        """How long a 429 is worth waiting for: what it says itself, at most 5 s."""
        return _retry_after(answer)

    def search(
        self, tenant: str | None, query: str, k: int = 10, *, patient: bool = True, timeout_seconds: float | None = None
    ) -> SearchAnswer:
        """Search as a tenant. Raises NotMeasurable when a success does not hold what the contract says."""
        answer = self.call("search", tenant=tenant, patient=patient, timeout_seconds=timeout_seconds, query=query, k=k)
        return SearchAnswer(answer=answer, hits=self.hits_of(answer) if answer.ok else ())

    def hits_of(self, answer: Answer) -> tuple[Hit, ...]:
        """The hits of a successful answer to a search. Raises NotMeasurable."""
        spec = self.spec("search")
        if spec.hits is None or "document" not in spec.hit:
            raise MissingCapability("the contract does not say where an answer to a search holds its hits")
        return tuple(_hit(entry, spec.hit, answer) for entry in select(spec.hits, answer.json(), answer.request))

    def chat(
        self,
        tenant: str | None,
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
        spec, body = self.spec("chat"), answer.json()
        texts = select(spec.answer, body, answer.request) if spec.answer else []
        sources = select(spec.sources, body, answer.request) if spec.sources else []
        return ChatAnswer(answer=answer, text="\n".join(map(str, texts)), sources=tuple(map(str, sources)))

    def ingest(
        self,
        tenant: str | None,
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
        path = self.spec("ingest").id
        return str(select(path, answer.json(), answer.request)[0]) if path else asked

    def document(self, tenant: str | None, id: str, *, patient: bool = True) -> Answer:  # noqa: A002 - as in stack files
        """Fetch a document."""
        return self.call("document", tenant=tenant, patient=patient, id=id)

    def delete(self, tenant: str | None, id: str, *, patient: bool = True) -> Answer:  # noqa: A002 - as in stack files
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
    return Application((service or stack.application()).url, stack.spec.contract, stack.resolve)


def questions_of(stack: Stack) -> tuple[Question, ...]:
    """The stack's questions of known answer. Raises MissingCapability when there is no corpus, or none to read."""
    if stack.spec.corpus is None:
        raise MissingCapability("the stack file names no corpus of questions with known answers")
    path = stack.spec_path.parent / stack.spec.corpus.questions
    try:
        records = [jsonlib.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        return tuple(
            Question(
                id=str(one["id"]), tenant=stack.spec.corpus.as_ or one["tenant"], question=one["question"],
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


def _hit(entry: Any, paths: Mapping[str, str], answer: Answer) -> Hit:
    def one(name: str) -> Any:
        return select(paths[name], entry, answer.request)[0] if name in paths else None

    chunk, score = one("chunk"), one("score")
    return Hit(
        document=str(one("document")),
        chunk=None if chunk is None else str(chunk),
        text=str(one("text") or ""),
        score=float(score) if isinstance(score, (int, float)) else None,
    )


def _read(response: httpx.Response, until: float) -> bytes:
    """The whole body, but no longer than until a monotonic instant, and no more than a sane amount."""
    import httpx  # noqa: PLC0415 - see Application.__init__

    received = bytearray()
    for chunk in response.iter_bytes():
        received += chunk
        if time.monotonic() > until:
            raise httpx.ReadTimeout("the answer took too long to arrive")
        if len(received) > BODY_LIMIT_BYTES:
            raise httpx.ReadError(f"the answer is larger than {BODY_LIMIT_BYTES} bytes")
    return bytes(received)


def _retry_after(answer: Answer) -> float:
    written = answer.headers.get("retry-after", "1")
    seconds = float(written) if written.isdecimal() else 1.0
    return min(seconds, LONGEST_PATIENCE_SECONDS)
