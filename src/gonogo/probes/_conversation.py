"""How the steps of a check are sent, one after the other: what the probes that speak HTTP share."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from gonogo.core.deadline import Deadline
from gonogo.core.errors import MissingCapability, NotMeasurable
from gonogo.core.outcome import Capability
from gonogo.probes._sources import CUT_OFF, Exchange
from gonogo.probes._steps import LIMITED, NOBODY, OTHER, OWNER, STRANGER, StepSpec, Tolerated, absent
from gonogo.spec.contract import SendSpec
from gonogo.stacks.contract import Answer, Application, Question, application_of, questions_of
from gonogo.stacks.encoding import JSON, Prepared, prepared
from gonogo.stacks.exchange import fill, first

if TYPE_CHECKING:
    from gonogo.stacks.credentials import Identity
    from gonogo.stacks.interfaces import Stack

WRITES = ("ingest", "delete", "archive", "retention")
CLEAN_UP_SECONDS = 10.0
PIECE_BYTES = 64 * 1024
TRANSCRIPT_CHARACTERS = 600


@dataclass(kw_only=True)
class Conversation:
    """Sends the steps of one probe in turn. Raises NotMeasurable where an answer says nothing about the service."""

    stack: Stack
    application: Application
    deadline: Deadline
    tolerated: tuple[Tolerated, ...] = ()
    values: dict[str, Any] = field(default_factory=dict)
    transcript: list[str] = field(default_factory=list)
    mark: str = field(default_factory=lambda: f"gonogo{secrets.token_hex(5)}")  # every `{request}` begins with it
    asked: dict[str, str] = field(default_factory=dict)  # by the `{request}` of each request: what it was

    @classmethod
    def on(cls, stack: Stack, deadline: Deadline, tolerated: tuple[Tolerated, ...] = ()) -> Conversation:
        """A conversation with the stack's application; close it."""
        token = f"gonogo{secrets.token_hex(5)}"
        values = {"token": token, "id": token, "session": token, "k": 10, "title": f"About {token}"}
        texts = dict.fromkeys(("query", "message"), "What is known about this?")
        return cls(
            stack=stack,
            application=application_of(stack),
            deadline=deadline,
            tolerated=tolerated,
            values={**values, **texts, "text": f"A text about {token}, written by gonogo."},
        )

    def perform(self, step: StepSpec) -> Iterator[Exchange]:
        """Send a step's requests; one exchange for each call and identity. Captures as it goes."""
        self._insist_on_a_request(step)
        named: list[str | None] = [*step.calls] or [None]
        for call in named:
            for identity in step.identities:
                if call is not None and (missing := self._missing(step, call)):
                    yield self._absent(step, call, identity, missing)
                    continue
                self._refuse_writing(call, identity)
                subject = _subject(step, call, identity)
                if step.questions:
                    yield self._ask_questions(step, subject)
                    continue
                answers = self._repeated(step, call, identity, subject)
                self._capture(step, call, answers[-1])
                yield Exchange(
                    subject=subject, call=call, answers=answers, application=self.application,
                    values=dict(self.values), until=step.until,
                )  # fmt: skip

    def _insist_on_a_request(self, step: StepSpec) -> None:
        """Raise MissingCapability for a step of which the contract declares nothing."""
        if step.calls and not any(self.application.declares(name) for name in step.calls):
            raise MissingCapability(f"the contract declares no {', '.join(step.calls)} request")

    def _missing(self, step: StepSpec, call: str) -> tuple[bool, str] | None:
        """Why a request is not sent, and whether that is because there is none of it; None where it is sent."""
        if not self.application.declares(call):
            return absent(self.application.contract, call)
        spec = self.application.spec(call)
        if (step.in_body or step.body is not None) and spec.json_ is spec.form is spec.multipart is None:
            return True, f"the contract's {call} request has no body"
        return None

    def _absent(self, step: StepSpec, call: str, identity: str, missing: tuple[bool, str]) -> Exchange:
        """What cannot be sent, and why: the others must not answer for it."""
        has_none, reason = missing
        subject = _subject(step, call, identity)
        self.transcript.append(f"{subject}: left out, {reason}")
        return Exchange(
            subject=subject, call=call, answers=(), application=self.application, values=dict(self.values),
            absent=reason, not_applicable=has_none,
        )  # fmt: skip

    def _refuse_writing(self, call: str | None, identity: str) -> None:
        """A stack that is only read stays so, also where a check's file forgot its `effects`. Raises MissingCapability.

        A chat is stored as well; one that nobody may have is no more than a question.
        """
        writes = call in WRITES or (call == "chat" and identity not in {NOBODY, STRANGER})
        if writes and Capability.WRITE not in self.stack.capabilities:
            raise MissingCapability(f"{call} would write, and this stack is not written to")

    def clean_up(self, steps: tuple[StepSpec, ...]) -> None:
        """Send these also when the probe itself ran out of time; what they meet is for the transcript only."""
        self.deadline, self.tolerated = Deadline.after(CLEAN_UP_SECONDS), (429, "silence")
        for step in steps:
            try:
                for _ in self.perform(step):
                    pass
            except NotMeasurable as error:
                self.transcript.append(f"clean-up: {error}")

    def close(self) -> None:
        """Close all connections."""
        self.application.close()

    def _repeated(self, step: StepSpec, call: str | None, identity: str, subject: str) -> tuple[Answer, ...]:
        answers: list[Answer] = []
        caller = self.caller(identity)
        while len(answers) < step.repeat and not (answers and answers[-1].status == step.until):
            self.deadline.check(f"the step {subject}")
            answers.append(self._answered(subject, step, call, caller))
        return tuple(answers)

    def _ask_questions(self, step: StepSpec, subject: str) -> Exchange:
        assert step.questions is not None
        answers, right = [], 0
        questions = _spread(questions_of(self.stack), step.questions)
        if not questions:
            raise NotMeasurable("the corpus holds no question of known answer")
        for question in questions:
            self.deadline.check(f"the step {subject}")
            caller = self.caller(question.tenant)
            answer = self._answered(subject, step, "search", caller, query=question.question)
            answers.append(answer)
            found = [hit.document for hit in self.application.hits_of(answer)] if answer.ok else []
            right += question.document in found
        return Exchange(
            subject=subject,
            call="search",
            answers=tuple(answers),
            application=self.application,
            values=dict(self.values),
            right=right,
        )

    def _answered(self, subject: str, step: StepSpec, call: str | None, caller: Identity, **own: Any) -> Answer:
        """One answer that says something. Raises NotMeasurable."""
        own["request"] = f"{self.mark}r{len(self.asked)}"
        self.asked[own["request"]] = subject
        answer = self._sent(step, call, caller, own)
        if answer.error.startswith(CUT_OFF):  # perhaps a kept connection that the service was just closing
            self._note(f"{subject} (sent again)", answer)
            answer = self._sent(step, call, caller, own)
        insists = step.patient or 429 not in self.tolerated
        if answer.rate_limited and insists:
            patience = self.application.patience_seconds(answer)
            self.deadline.sleep(patience)
            answer = self._sent(step, call, caller, own)
            if step.patient:
                self.deadline.sleep(patience)
        self._note(subject, answer)
        if answer.rate_limited and insists:
            raise NotMeasurable(f"{subject}: the application refused gonogo's own traffic with 429")
        if answer.status is None and "silence" not in self.tolerated:
            raise NotMeasurable(f"{subject}: {answer.request} was not answered: {answer.error}")
        return answer

    def _sent(self, step: StepSpec, call: str | None, caller: Identity, own: dict[str, Any]) -> Answer:
        values = {**caller.variables, **self.values, **own}
        values |= {"filler": "gonogo " * (int(step.filler) // 7 + 1)} if step.filler else {}
        values |= {name: fill(value, values) for name, value in step.values.items()} | own
        limit = min(step.timeout or self.application.timeout_seconds, self.deadline.remaining_seconds + 0.1)
        return self.application.deliver(
            _request(step, call, self.application, caller, values),
            caller,
            reads=self.application.spec(call) if call is not None else None,
            chunks=_pieces if step.chunked else None,
            timeout_seconds=limit,
        )

    def _capture(self, step: StepSpec, call: str | None, answer: Answer) -> None:
        """Keep what the step captures, and the id under which the service stored a document."""
        if call == "ingest" and answer.ok:
            asked = str(fill(step.values.get("id", self.values["id"]), self.values))
            self.values["id"] = self.application.stored_id(answer, asked)
        for name, path in step.capture.items():
            if not answer.ok:
                raise NotMeasurable(f"{answer.request} answered {answer.outcome}: there is no {name} to go on with")
            self.values[name] = first(path, answer.json(), answer.request)

    def _note(self, subject: str, answer: Answer) -> None:
        text = answer.text[:TRANSCRIPT_CHARACTERS] or answer.error
        line = f"{subject}: {answer.request} -> {answer.outcome} in {1000 * answer.seconds:.1f} ms\n    {text}"
        self.transcript.append(line)

    def caller(self, identity: str) -> Identity:
        """How somebody identifies itself. Raises MissingCapability when the contract has no such one, LoginFailed."""
        callers, tenants = self.application.callers, list(self.application.contract.tenants)
        if identity == NOBODY:
            return callers.nobody(next(iter(tenants), None))
        if identity == LIMITED:
            if (limited := callers.limited()) is None:
                raise MissingCapability("the contract names no key whose rate limit may be used up (rate_limited)")
            return limited
        wanted = {OWNER: 0, STRANGER: 0, OTHER: 1}.get(identity)
        if wanted is not None and len(tenants) <= wanted:
            raise MissingCapability(f"the contract declares {len(tenants)} tenants, {wanted + 1} are needed")
        name = identity if wanted is None else tenants[wanted]
        return callers.stranger(name) if identity == STRANGER else callers.of(name)


def _subject(step: StepSpec, call: str | None, identity: str) -> str:
    plain = len(step.calls) < 2 and len(step.identities) < 2
    if step.name and plain:
        return step.name
    request = " ".join(part for part in (step.name, call or step.send) if part)
    return request if identity == OWNER else f"{request} as {identity}"


def _spread(questions: tuple[Question, ...], wanted: int) -> list[Question]:
    """Questions from all over the corpus, so that every tenant is asked."""
    step = max(1, len(questions) // wanted)
    return list(questions[::step])[:wanted]


def _request(
    step: StepSpec, call: str | None, application: Application, caller: Identity, values: Mapping[str, Any]
) -> Prepared:
    """The request of a step: one of the contract, or its own; with the body and the headers that it gives itself."""
    if call is not None:
        request = application.prepare(call, caller, values)
    else:
        assert step.send is not None
        request = prepared(SendSpec(request=step.send, json=step.json_), values)
    if step.body is not None:
        kept = {name: value for name, value in request.headers.items() if name.lower() != "content-type"}
        request = replace(request, body=str(fill(step.body, values)).encode(), headers={**kept, "Content-Type": JSON})
    own = {name: str(fill(value, values)) for name, value in step.headers.items()}
    theirs = {name.lower() for name in own}
    kept = {name: value for name, value in request.headers.items() if name.lower() not in theirs}
    return replace(request, headers={**kept, **own})


def _pieces(body: bytes) -> Iterator[bytes]:
    for at in range(0, len(body), PIECE_BYTES):
        yield body[at : at + PIECE_BYTES]
