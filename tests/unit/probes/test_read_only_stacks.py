"""A stack that gonogo only reads is not changed, whatever a check's file forgot to say of itself."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from gonogo.core.deadline import Deadline
from gonogo.core.errors import MissingCapability
from gonogo.core.facts import Facts, TableFacts
from gonogo.core.outcome import Capability
from gonogo.probes._conversation import Conversation
from gonogo.probes._isolation_api import planted
from gonogo.probes._sources import observation
from gonogo.probes._steps import StepSpec
from gonogo.spec.contract import ContractSpec
from gonogo.stacks.contract import Answer, Application
from gonogo.stacks.searching import ask

if TYPE_CHECKING:
    from gonogo.stacks.context import Context

CONTRACT = ContractSpec.model_validate(
    {
        "tenants": {"acme": {"headers": {"X-API-Key": "a"}}, "globex": {"headers": {"X-API-Key": "b"}}},
        "ingest": {"request": "POST /documents", "json": {"id": "{id}"}},
        "delete": "DELETE /documents/{id}",
        "chat": {"request": "POST /chat", "json": {"message": "{message}"}, "answer": "$.answer"},
    }
)
READABLE = frozenset({Capability.SQL, Capability.APPLICATION})


class Never:
    """Whoever asks it for anything has gone too far."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} was asked for")


def conversation(monkeypatch: pytest.MonkeyPatch, sent: list[str], capabilities: frozenset[Capability]) -> Conversation:
    def send(_self: Application, method: str, path: str, **_: Any) -> Answer:
        sent.append(f"{method} {path}")
        return Answer(request=sent[-1], status=401, headers={}, started=0.0, seconds=0.01)

    monkeypatch.setattr(Application, "send", send)
    stack = SimpleNamespace(
        application=lambda: SimpleNamespace(url="http://127.0.0.1:9"),
        spec=SimpleNamespace(contract=CONTRACT), resolve=str, capabilities=capabilities,
    )  # fmt: skip
    return Conversation.on(cast("Any", stack), Deadline.after(5))


@pytest.mark.parametrize("step", [{"call": "ingest"}, {"call": "delete", "as": "nobody"}, {"call": "chat"}])
def test_nothing_is_stored_or_deleted(monkeypatch: pytest.MonkeyPatch, step: dict[str, Any]) -> None:
    sent: list[str] = []
    talk = conversation(monkeypatch, sent, READABLE)
    with pytest.raises(MissingCapability, match="is not written to"):
        list(talk.perform(StepSpec.model_validate(step)))
    assert sent == []
    talk.clean_up((StepSpec.model_validate(step),))
    assert sent == []


def test_a_chat_that_nobody_may_have_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    talk = conversation(monkeypatch, sent, READABLE)
    list(talk.perform(StepSpec.model_validate({"call": "chat", "as": "stranger"})))
    assert sent == ["POST /chat"]


def test_a_stack_that_may_be_written_to_is(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    talk = conversation(monkeypatch, sent, READABLE | {Capability.WRITE})
    list(talk.perform(StepSpec.model_validate({"call": "ingest"})))
    assert sent == ["POST /documents"]


def context() -> Context:
    stack = SimpleNamespace(capabilities=READABLE, missing={Capability.CAPTURE: "it is only read"}, postgres=Never())
    return cast("Context", SimpleNamespace(stack=stack, facts=Facts(runtime="external", tenants=("acme", "globex"))))


def test_no_canary_is_planted() -> None:
    with pytest.raises(MissingCapability, match="not written to"), planted(context(), cast("Application", Never())):
        pass


def test_no_server_is_told_to_log_statements() -> None:
    table = TableFacts(name="chunks", rows=1, size_bytes=1)
    with pytest.raises(MissingCapability, match="cannot be captured: it is only read"):
        ask(context(), [("acme", "q")], table=table, k=1)


def test_of_several_requests_one_that_is_not_declared_is_unknown_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    talk = conversation(monkeypatch, sent, READABLE)
    found = list(talk.perform(StepSpec.model_validate({"call": ["chat", "search"], "as": "nobody"})))
    seen = [observation("status", "status", one, "exchanges.txt") for one in found]
    assert [(one.subject, one.value) for one in seen] == [("chat as nobody", 401), ("search as nobody", None)]
    assert seen[1].detail == "the contract declares no search request (nor says `without: [search]`)"
    assert sent == ["POST /chat"]


def test_what_the_application_is_said_not_to_have_is_left_out_and_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    talk = conversation(monkeypatch, sent, READABLE)
    talk.application.contract = CONTRACT.model_copy(update={"without": ("search",)})
    found = list(talk.perform(StepSpec.model_validate({"call": ["chat", "search"], "as": "nobody"})))
    seen = [observation("status", "status", one, "exchanges.txt") for one in found]
    assert [(one.subject, one.value, one.not_applicable) for one in seen] == [
        ("chat as nobody", 401, False),
        ("search as nobody", None, True),
    ]
    assert seen[1].detail == "the contract says that the application has no search request"
    assert talk.transcript[-1] == f"search as nobody: left out, {seen[1].detail}"
    assert sent == ["POST /chat"]
