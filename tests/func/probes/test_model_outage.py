"""Taking the model away from the running reference service, and giving it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gonogo.probes.model_outage import PROBE, ModelOutageParameters
from gonogo.stacks.contract import Application, application_of

if TYPE_CHECKING:
    from tests.func.conftest import Running


def behaviour(running: Running) -> dict[str, Any]:
    with Application(running.stack.llm().url, running.stack.spec.contract, str) as control:
        settings: dict[str, Any] = control.send("GET", "/_control").json()["settings"]
        return settings


def test_the_model_is_healthy_again_when_the_probe_is_broken_off(reference_stack: Running) -> None:
    healthy = behaviour(reference_stack)
    open_before = len(reference_stack.run.state.open_records())
    context, _ = reference_stack.context("checks/model")
    observations = iter(PROBE.observe(context, ModelOutageParameters.model_validate({"way": "hang", "watch": "100ms"})))
    next(observations)
    assert behaviour(reference_stack)["hang"] is True
    assert len(reference_stack.run.state.open_records()) == open_before + 1
    observations.close()  # type: ignore[attr-defined]  # it is a generator
    assert behaviour(reference_stack) == healthy
    assert len(reference_stack.run.state.open_records()) == open_before
    with application_of(reference_stack.stack) as application:
        assert application.chat("acme", "gonogo-after", "What does a Fresnel lens do?").answer.status == 200


def test_an_outage_is_seen_by_chat_and_not_by_search(reference_stack: Running) -> None:
    context, _ = reference_stack.context("checks/model")
    seen = {one.name: one.value for one in PROBE.observe(context, ModelOutageParameters(way="outage"))}
    assert (seen["chat_status"], seen["search_status"], seen["chat_status_afterwards"]) == (503, 200, 200)
    assert seen["model_calls"] == 3  # the first try and the service's two retries
