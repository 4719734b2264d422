"""Trying one contract on a running application: each request is sent, and what does not fit is said in a sentence."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from gonogo.core.deadline import Deadline
from gonogo.core.errors import DeadlineExceeded, MissingCapability, NotMeasurable, UsageError
from gonogo.engine.fitting import (
    EXCERPT,
    QUESTION,
    Fit,
    K,
    Misfit,
    Trial,
    as_tenant,
    excerpt,
    reading,
    require_success,
    template_problem,
    untried,
    used_placeholders,
)
from gonogo.probes._replication_report import FIELDS, NO_STANDBY, report_of
from gonogo.spec.contract import RARER, REQUESTS, RequestSpec
from gonogo.stacks.contract import Application
from gonogo.stacks.credentials import LoginFailed
from gonogo.stacks.exchange import OPTIONAL, Answer, first, select
from gonogo.stacks.reading import Hit, hits_in
from gonogo.stacks.sse import TYPE, events_of

INDEXING_SECONDS = 5.0  # until a stored document must be found
POLL_SECONDS = 0.25
WRITES = ("ingest", "chat", "delete")
CHANGES = ("archive", "retention")
ORDER = ("live", "ready", "metrics", "openapi", "ingest", "search", "document", "chat", "delete")
REFUSED = frozenset({400, 404, 410, 422})  # of a document that is not there


@dataclass(slots=True, kw_only=True)
class Stored:
    """A document that the trial stored for a tenant."""

    id: str
    token: str
    question: str


@dataclass(slots=True, kw_only=True)
class Trying:
    """The trials of one contract. `questions`: one for each tenant that has one. `writes`: whether that is allowed."""

    application: Application
    questions: Mapping[str, str]
    writes: bool
    deadline: Deadline
    stored: dict[str | None, Stored] = field(default_factory=dict)
    known: dict[str | None, str] = field(default_factory=dict)  # a document that is there
    fitting: set[str] = field(default_factory=set)  # what was tried and fits
    tokenless: set[str | None] = field(default_factory=set)  # tenants whose login failed

    @property
    def tenants(self) -> list[str | None]:
        """Who asks."""
        return list(self.application.contract.tenants) or [None]

    def trials(self) -> Iterator[Trial]:
        """Every request of the contract, in the order in which one gives what the next needs."""
        yield from self._logins()
        rarer = [name for name in RARER if self.application.declares(name)]
        for name in (*sorted(REQUESTS, key=ORDER.index), *rarer):
            yield from self._trials_of(name)

    def _trials_of(self, name: str) -> Iterator[Trial]:
        if name in self.application.contract.without:
            yield untried(name, "the contract says that the application has none")
        elif not self.application.declares(name):
            yield untried(name, "not declared: the verifications that need it are left out")
        elif problem := template_problem(self.application, name):
            yield Trial(what=name, fit=Fit.DIFFERS, found=problem, remedy=f"correct contract.{name}")
        elif name in WRITES and not self.writes:
            yield untried(name, "writes; only its placeholders and JSONPaths were looked at")
        elif name in CHANGES:
            yield untried(name, "changes what is kept; only its placeholders were looked at, its checks try it")
        elif name in TRIALS:
            for tenant in self.tenants:
                yield self._try(name, tenant, TRIALS[name])
        elif self.application.spec(name).method not in {"GET", "HEAD"}:
            yield untried(name, f"{self.application.spec(name).method} may write")
        else:
            plain = PLAIN.get(name, _plain)
            yield self._outcome(name, lambda: plain(self, name))

    def _try(self, name: str, tenant: str | None, trial: Callable[[Trying, str | None], str]) -> Trial:
        what = as_tenant(tenant, name)
        if tenant in self.tokenless:
            return untried(what, "there is no token: the login failed")
        made = self._outcome(what, lambda: trial(self, tenant))
        if made.fit is Fit.FITS:
            self.fitting.add(what)
        return made

    @staticmethod
    def _outcome(what: str, trial: Callable[[], str]) -> Trial:
        try:
            return Trial(what=what, fit=Fit.FITS, found=trial())
        except Misfit as misfit:
            return Trial(what=what, fit=misfit.fit, found=misfit.found, remedy=misfit.remedy)
        except MissingCapability as error:
            return untried(what, str(error))

    def _logins(self) -> Iterator[Trial]:
        """A token for every tenant that logs in."""
        contract = self.application.contract
        for tenant, spec in contract.tenants.items():
            auth = spec.auth or contract.auth
            if auth is None or auth.login is None:
                continue
            what = as_tenant(tenant, "login")
            try:
                self.application.callers.of(tenant)
            except (NotMeasurable, UsageError) as error:
                self.tokenless.add(tenant)
                remedy = "see to auth.login: its path, its body and the tenant's variables"
                if isinstance(error, LoginFailed) and error.answer.ok:
                    remedy = f"correct auth.login.token; the answer begins: {excerpt(error.answer)}"
                yield Trial(what=what, fit=Fit.DIFFERS, found=str(error), remedy=remedy)
            else:
                yield Trial(what=what, fit=Fit.FITS, found=f"{auth.login.request} gave a token")


# --- each request; each gives the sentence for what fits, or raises Misfit


def _plain(trying: Trying, name: str) -> str:
    """live, ready, metrics, openapi: a success, and a body of the right kind."""
    answer = trying.application.call(name)
    require_success(answer)
    problem = {"metrics": _metrics_problem, "openapi": _openapi_problem}.get(name, lambda _answer: None)(answer)
    if problem:
        raise Misfit(f"{answer.request} {problem}", f"correct contract.{name}")
    return f"{answer.request} answered {answer.status}"


def _replication(trying: Trying, name: str) -> str:
    """Every path that the contract names selects something, in the answer and in each standby that it lists."""
    answer = call(trying, name, trying.tenants[0])
    require_success(answer)
    spec = trying.application.contract.replication
    assert spec is not None  # it is declared
    report = reading(name, answer, lambda: report_of(spec, answer, FIELDS))
    named = [one for one in report.missing if not one.endswith(("(the contract names no path)", NO_STANDBY))]
    if named:
        remedy = f"correct contract.replication: {', '.join(named)}; the answer begins: {excerpt(answer)}"
        raise Misfit(f"{answer.request}: {', '.join(named)} selects nothing", remedy)
    if not report.standbys:
        found = f"{answer.request} answered {answer.status} and lists no standby, whose paths could be looked at"
        raise Misfit(found, "see that standbys stream, and to replication.standbys", Fit.UNPROVEN)
    return f"{answer.request} answered {answer.status}, {len(report.standbys)} standbys"


def _metrics_problem(answer: Answer) -> str | None:
    from prometheus_client.parser import text_string_to_metric_families

    try:
        samples = sum(len(family.samples) for family in text_string_to_metric_families(answer.text))
    except (ValueError, KeyError, IndexError) as error:
        return f"answered what is no Prometheus text: {error}"
    return None if samples else "answered a text without a single sample"


def _openapi_problem(answer: Answer) -> str | None:
    try:
        data = answer.json()
    except NotMeasurable:
        return "answered what is no JSON"
    return None if isinstance(data, dict) and data.get("paths") else "answered JSON that is no OpenAPI document"


def _ingest(trying: Trying, tenant: str | None) -> str:
    """A document of words that nobody else uses is stored, and its id is where the contract says."""
    token = f"gonogo{secrets.token_hex(4)}"
    text = f"The sealed ledger {token} names the lighthouse keeper of the north harbour."
    answer = call(trying, "ingest", tenant, id=token, title=f"About {token}", text=text)
    require_success(answer)
    spec = trying.application.spec("ingest")
    own = (
        token if spec.id is None else reading("ingest.id", answer, lambda: trying.application.stored_id(answer, token))
    )
    question = f"Whom does the sealed ledger {token} name?"
    trying.stored[tenant] = Stored(id=own, token=token, question=question)
    trying.known[tenant] = own
    return f"{answer.request} answered {answer.status}, the document is stored as {own}"


def _search(trying: Trying, tenant: str | None) -> str:
    """Success, hits, and every JSONPath of every hit selects something of the right type."""
    stored = trying.stored.get(tenant)
    query = trying.questions.get(tenant or "") or (stored.question if stored else QUESTION)
    about_stored = stored is not None and query == stored.question
    answer = call(trying, "search", tenant, query=query, k=K)
    if about_stored and stored is not None:
        answer = _once_indexed(trying, tenant, stored, answer)
    require_success(answer)
    spec = trying.application.spec("search")
    if "document" not in spec.hit:
        raise Misfit(f"{answer.request} answered {answer.status}", "say in hits and hit.document where the hits are")
    for part in spec.hit:
        if part not in Hit.__slots__:
            known = ", ".join(Hit.__slots__)
            raise Misfit(f"hit.{part} is nothing that gonogo reads (known: {known})", "correct contract.search.hit")
    _every_path_of_every_hit(spec, answer)
    hits = reading("search.hit", answer, lambda: hits_in(spec, answer))
    if not hits:
        found = f"{answer.request} answered no hits, so nothing of `hit` could be looked at"
        raise Misfit(found, "store a document for this tenant, or name a corpus", Fit.UNPROVEN)
    if len(hits) > K and "k" in used_placeholders(spec):
        raise Misfit(f"{len(hits)} hits for k = {K}", "see where {k} belongs: the service does not heed it")
    if about_stored and stored is not None and stored.id not in [hit.document for hit in hits]:
        ids = ", ".join(hit.document for hit in hits)
        raise Misfit(
            f"the document that was stored as {stored.id} is not among the hits ({ids}) {INDEXING_SECONDS:.0f} s later",
            "see that search.hit.document and ingest.id select the same kind of id",
            Fit.UNPROVEN,
        )
    trying.known.setdefault(tenant, hits[0].document)
    return f"{answer.request} answered {len(hits)} hits, every path selects something"


def _once_indexed(trying: Trying, tenant: str | None, stored: Stored, answer: Answer) -> Answer:
    """The answer to the search once it holds the stored document, or after a while the last one."""
    seen = [answer]

    def found() -> bool:
        if not seen[-1].ok or stored.token in seen[-1].text.replace(stored.question, ""):
            return True
        seen.append(call(trying, "search", tenant, query=stored.question, k=K))
        return False

    with suppress(DeadlineExceeded):
        trying.deadline.within(INDEXING_SECONDS).poll(
            found, every_seconds=POLL_SECONDS, what="the stored document is found"
        )
    return seen[-1]


def _every_path_of_every_hit(spec: RequestSpec, answer: Answer) -> None:
    """Which path it is that selects nothing, or something of another type."""
    wanted: dict[str, type | tuple[type, ...]] = {"score": (int, float), "text": str}
    if spec.hits is None:
        entries, remedy = [reading("search", answer, answer.json)], f"the answer begins: {excerpt(answer)}"
    else:
        entries = reading("search.hits", answer, lambda: select(spec.hits or "", answer.json(), answer.request))
        remedy = f"a hit begins: {str(entries[0])[:EXCERPT]}" if entries else ""
    for entry in entries:
        for part, path in spec.hit.items():
            try:
                values = select(path, entry, answer.request)
            except NotMeasurable as error:
                where = "in a hit of" if spec.hits is not None else "in"
                hint = str(error).partition(" (")[2]
                found = f"hit.{part}: {path} selects nothing {where} the answer to {answer.request}"
                raise Misfit(
                    f"{found} ({hint}" if hint else found, f"correct contract.search.hit.{part}; {remedy}"
                ) from None
            for value in values if spec.hits is None else values[:1]:
                if not isinstance(value, wanted.get(part, (str, int))) or isinstance(value, bool):
                    if value is None and path.endswith(OPTIONAL):
                        continue
                    found = f"hit.{part}: {path} selects {type(value).__name__} {str(value)[:40]!r}"
                    raise Misfit(found, f"correct contract.search.hit.{part}; {remedy}")


def _document(trying: Trying, tenant: str | None) -> str:
    """A document that is not there is refused; one that is known is there, under its id."""
    spec = trying.application.spec("document")
    if spec.method not in {"GET", "HEAD", "POST"}:
        raise MissingCapability(f"{spec.method} may write")
    absent = call(trying, "document", tenant, id=f"gonogo-unknown-{secrets.token_hex(8)}")
    if absent.ok:
        remedy = "an unknown id must be refused: see where {id} belongs in the request"
        raise Misfit(f"{absent.request} answered {absent.status} to an id that cannot exist", remedy)
    if absent.status not in REFUSED:
        require_success(absent)
    known = trying.known.get(tenant)
    if known is None:
        found = (
            f"{absent.request} answered {absent.status}, as it would if the path were wrong: no search gave a known id"
        )
        raise Misfit(found, "let contract.search fit first", Fit.UNPROVEN)
    answer = call(trying, "document", tenant, id=known)
    require_success(answer)
    if spec.id:
        own = reading("document.id", answer, lambda: first(spec.id or "", answer.json(), answer.request))
        if own is not None and str(own) != known:
            found = f"{spec.id} selects {str(own)[:40]!r} in the document {known!r}"
            raise Misfit(found, "see to document.id, ingest.id and hit.document: they must be the same kind of id")
    return f"{answer.request} answered {answer.status}, an unknown id {absent.status}"


def _chat(trying: Trying, tenant: str | None) -> str:
    """A message is answered with a text, and with its sources where the contract says where they are."""
    stored, spec = trying.stored.get(tenant), trying.application.spec("chat")
    message = trying.questions.get(tenant or "") or (stored.question if stored else QUESTION)
    answer = call(trying, "chat", tenant, session=f"gonogo-{secrets.token_hex(4)}", message=message)
    require_success(answer)
    if spec.stream is None and not spec.answer:
        raise Misfit(f"{answer.request} answered {answer.status}", "say in chat.answer where the text of the answer is")
    said = reading("chat", answer, lambda: trying.application.said_in(answer))
    if not said.text.strip():
        raise Misfit(f"{answer.request} answered {answer.status} with an empty text", "correct contract.chat.answer")
    parts = [f"{len(said.text)} characters"]
    if spec.stream is not None:
        parts.append(f"{sum(1 for _ in events_of(answer.body))} events")
    if spec.sources:
        parts.append(f"{len(said.sources)} sources")
    return f"{answer.request} answered {', '.join(parts)}"


def _delete(trying: Trying, tenant: str | None) -> str:
    """What was stored is deleted, and is gone."""
    stored = trying.stored.get(tenant)
    if stored is None:
        raise Misfit("nothing was stored that could be deleted", "let contract.ingest fit first", Fit.UNPROVEN)
    answer = call(trying, "delete", tenant, id=stored.id)
    require_success(answer)
    said = f"{answer.request} answered {answer.status}"
    if as_tenant(tenant, "document") in trying.fitting:
        after = call(trying, "document", tenant, id=stored.id)
        there = after.ok
    elif trying.application.declares("search"):
        after = call(trying, "search", tenant, query=stored.question, k=K)
        require_success(after)
        there = stored.token in after.text.replace(stored.question, "")
    else:
        raise Misfit(
            f"{said}; whether the document is gone could not be seen", "declare document or search", Fit.UNPROVEN
        )
    if there:
        raise Misfit(f"{said}, and {after.request} still finds it", "see where {id} belongs in contract.delete")
    return f"{said}, and it is gone"


TRIALS: Mapping[str, Callable[[Trying, str | None], str]] = {
    "ingest": _ingest, "search": _search, "document": _document, "chat": _chat, "delete": _delete,
}  # fmt: skip
PLAIN: Mapping[str, Callable[[Trying, str], str]] = {"replication": _replication}


def call(trying: Trying, name: str, tenant: str | None, **values: Any) -> Answer:
    """Send a request of the contract. Raises Misfit where it cannot be made, or its answer should be a stream."""
    try:
        return trying.application.call(name, tenant=tenant, **values)
    except (NotMeasurable, UsageError) as error:
        remedy = f"correct contract.{name}"
        if TYPE in str(error):
            remedy = f"take stream: out of contract.{name}, or ask the service for a stream in the request"
        raise Misfit(str(error), remedy) from None
