"""Leak probes through the API: a canary document for every tenant, looked for by every other one."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql as compose

from gonogo.core.errors import MissingCapability, NotMeasurable
from gonogo.core.outcome import Capability
from gonogo.pg.catalog import quoted
from gonogo.pg.sessions import session
from gonogo.probes._isolation_ways import Found, attempt
from gonogo.stacks.contract import Answer, Application, Who, application_of
from gonogo.stacks.interfaces import Role

if TYPE_CHECKING:
    from gonogo.stacks.context import Context

MARKER = "gonogo-canary-"
STATEMENT_SECONDS = 20.0
K = 10
REFUSED = frozenset({401, 403, 404, 405, 409, 410, 422})


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """A planted document. Its token occurs nowhere else; its text is nearly that of every other canary."""

    tenant: str
    id: str  # as the service stored it
    token: str
    question: str  # matches every canary alike and does not hold the token
    nonce: str

    def in_text(self, text: str) -> bool:
        """Whether an answer shows this canary."""
        return self.token in text


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Somebody who looks for a canary: a tenant in its own place, or one that names the owner's with its own proofs."""

    name: str
    who: Who
    trespasses: bool = False  # then a refusal is an answer


def through_api(context: Context, ways: Sequence[str]) -> list[Found]:
    """Try the ways; the canaries are gone afterwards. Raises NotMeasurable."""
    with application_of(context.stack) as application, planted(context, application) as canaries:
        return [attempt(way, partial(WAYS[way], application, canaries)) for way in ways]


# --- canaries


@contextmanager
def planted(context: Context, application: Application) -> Iterator[list[Canary]]:
    """One canary for every tenant of the contract; leftovers of a killed run are deleted first, these at the end."""
    if Capability.WRITE not in context.stack.capabilities:  # also where the check's file forgot to say that it writes
        raise MissingCapability("canaries are documents, and this stack is not written to")
    for tenant, leftover in _leftovers(context):
        application.delete(tenant, leftover)
    nonce = secrets.token_hex(4)
    canaries: list[Canary] = []
    try:
        for tenant in context.facts.tenants:
            canaries.append(_plant(application, tenant, nonce))
            context.deadline.check("planting canaries")
        yield canaries
    finally:
        for canary in canaries:
            for tenant in context.facts.tenants:  # whoever overwrote or could delete it may own a copy
                answer = application.delete(tenant, canary.id)
                if not answer.ok and answer.status not in REFUSED:
                    context.progress(f"canary {canary.id} of {tenant} stays for now: {answer.outcome}")


def _plant(application: Application, tenant: str, nonce: str) -> Canary:
    token = secrets.token_hex(8)
    asked = f"{MARKER}{nonce}-{tenant}"
    text = f"The sealed ledger {nonce} of the harbour office names the passphrase {token} for its warehouse."
    answer = application.ingest(tenant, asked, f"Sealed ledger {nonce} {token}", text)
    if not answer.ok:
        raise NotMeasurable(f"a canary could not be planted for {tenant}: {answer.request} answered {answer.outcome}")
    return Canary(
        tenant=tenant,
        id=application.stored_id(answer, asked),
        token=token,
        question=f"Which passphrase does the sealed ledger {nonce} of the harbour office name for its warehouse?",
        nonce=nonce,
    )


def _leftovers(context: Context) -> list[tuple[str, str]]:
    """(tenant, document) of canaries that an earlier run could not remove, where the database can be read."""
    if Capability.SQL not in context.stack.capabilities:
        return []
    found: set[tuple[str, str]] = set()
    declared = context.stack.spec.data.tables
    with session(context.stack.postgres().dsn(Role.ADMIN), timeout_seconds=STATEMENT_SECONDS) as connection:
        for key, table in declared.items():
            if not (table.tenant and table.document) or key not in context.facts.tables:
                continue
            statement = compose.SQL("SELECT DISTINCT {}::text, {}::text FROM {} WHERE {}::text LIKE {}").format(
                compose.Identifier(table.tenant),
                compose.Identifier(table.document),
                quoted(context.facts.tables[key].name),
                compose.Identifier(table.document),
                compose.Literal(MARKER + "%"),
            )
            try:
                found.update(connection.execute(statement).fetchall())
            except psycopg.Error as error:
                raise NotMeasurable(f"left-over canaries could not be looked for: {error}") from error
    return [(tenant, document) for tenant, document in sorted(found) if tenant in context.facts.tenants]


# --- ways


def _by_search(application: Application, canaries: Sequence[Canary]) -> Found:
    def seen(reader: Reader, canary: Canary) -> bool:
        found = application.search(reader.who, f"{canary.question} {canary.token}", K)
        _answered(found.answer, refusal_is_fine=reader.trespasses)
        return any(hit.document == canary.id or canary.in_text(hit.text) for hit in found.hits)

    return _everybody("search", application, canaries, seen, "finds {owner}'s canary by search")


def _by_chat(application: Application, canaries: Sequence[Canary]) -> Found:
    def seen(reader: Reader, canary: Canary) -> bool:
        # The question does not hold the token: an answer that repeats the question is no leak.
        session = f"{MARKER}{canary.nonce}-{reader.name.replace(' ', '-')}-{canary.tenant}"
        said = application.chat(reader.who, session, canary.question)
        _answered(said.answer, refusal_is_fine=reader.trespasses)
        return canary.id in said.sources or canary.in_text(said.text)

    return _everybody("chat", application, canaries, seen, "is told {owner}'s canary in a chat")


def _by_document(application: Application, canaries: Sequence[Canary]) -> Found:
    def seen(reader: Reader, canary: Canary) -> bool:
        answer = application.document(reader.who, canary.id)
        _answered(answer, refusal_is_fine=True)
        return answer.ok and canary.in_text(answer.text)

    return _everybody("document", application, canaries, seen, "reads {owner}'s canary by its id")


def _by_delete(application: Application, canaries: Sequence[Canary]) -> Found:
    """Others delete first, then the owner looks: what is still there could not be deleted."""

    def gone(reader: Reader, canary: Canary) -> bool:
        _answered(application.delete(reader.who, canary.id), refusal_is_fine=True)
        return not _owner_has(application, canary)

    return _attacks("delete", application, canaries, gone, "deletes {owner}'s canary by its id")


def _by_overwrite(application: Application, canaries: Sequence[Canary]) -> Found:
    def changed(reader: Reader, canary: Canary) -> bool:
        text = f"Overwritten by {MARKER}{canary.nonce}."
        _answered(application.ingest(reader.who, canary.id, "Overwritten", text), refusal_is_fine=True)
        return not _owner_has(application, canary)

    return _attacks("overwrite", application, canaries, changed, "overwrites {owner}'s canary by its id")


WAYS: dict[str, Callable[[Application, Sequence[Canary]], Found]] = {
    "search": _by_search,
    "chat": _by_chat,
    "document": _by_document,
    "delete": _by_delete,
    "overwrite": _by_overwrite,
}


def _readers(application: Application, canaries: Sequence[Canary], owner: str) -> Iterator[Reader]:
    """Every other tenant; where tenants have names in paths, bodies or headers, also in the owner's place."""
    for name in (canary.tenant for canary in canaries if canary.tenant != owner):
        yield Reader(name=name, who=name)
        if (intruder := application.callers.trespassing(name, owner)) is not None:
            yield Reader(name=f"{name} in {owner}'s place", who=intruder, trespasses=True)


def _everybody(
    way: str, application: Application, canaries: Sequence[Canary], seen: Callable[[Reader, Canary], bool], leak: str
) -> Found:
    """Every owner looks for its own canary, which must work, and everybody else for it, which must not."""
    for canary in canaries:
        if not seen(Reader(name=canary.tenant, who=canary.tenant), canary):
            raise NotMeasurable(f"{canary.tenant} does not find its own canary, so a leak could not be seen")
    tried, leaks = 0, []
    for canary in canaries:
        for reader in _readers(application, canaries, canary.tenant):
            tried += 1
            if seen(reader, canary):
                leaks.append(f"{reader.name} {leak.format(owner=canary.tenant)}")
    return Found(way=way, tried=tried, controls=len(canaries), leaks=tuple(leaks))


def _attacks(
    way: str, application: Application, canaries: Sequence[Canary], harmed: Callable[[Reader, Canary], bool], leak: str
) -> Found:
    tried, leaks, controls = 0, [], 0
    for canary in canaries:
        if not _owner_has(application, canary):
            continue  # an earlier attack got it; that one is reported
        controls += 1
        for reader in _readers(application, canaries, canary.tenant):
            tried += 1
            if harmed(reader, canary):
                leaks.append(f"{reader.name} {leak.format(owner=canary.tenant)}")
                break  # nothing is left to harm
    return Found(way=way, tried=tried, controls=controls, leaks=tuple(leaks))


def _owner_has(application: Application, canary: Canary) -> bool:
    answer = application.document(canary.tenant, canary.id)
    _answered(answer, refusal_is_fine=True)
    return answer.ok and canary.in_text(answer.text)


def _answered(answer: Answer, *, refusal_is_fine: bool = False) -> None:
    """Raise NotMeasurable unless the service gave an answer that says something."""
    if answer.ok or (refusal_is_fine and answer.status in REFUSED):
        return
    raise NotMeasurable(f"{answer.request} answered {answer.outcome}, which shows neither a leak nor its absence")
