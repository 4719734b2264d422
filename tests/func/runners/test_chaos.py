"""How a scenario runs: nothing is measured on shaky ground, every fault heals, losses are counted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from gonogo.core.deadline import Deadline, Interruption
from gonogo.core.errors import Interrupted, NotMeasurable
from gonogo.core.event import FaultHealed, FaultInjected, FaultUnhealed
from gonogo.pg.sessions import session
from gonogo.runners.chaos import LEFTOVERS, Landed, run_chaos
from gonogo.spec.verification import ChaosSpec
from gonogo.stacks.interfaces import Role

if TYPE_CHECKING:
    from tests.func.conftest import Kept, Running

LEFT = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'gonogo_ledger%'"


def scenario(fault: str, **values: Any) -> ChaosSpec:
    parameters = {"after": "300ms", "hold": "1s", **values.pop("parameters", {})}
    return ChaosSpec.model_validate({"title": "A scenario for a test", "faults": [{fault: parameters}], **values})


def names(recorder: Kept) -> list[str]:
    kinds = (FaultInjected, FaultHealed, FaultUnhealed)
    return [type(event).__name__ for event in recorder.events if isinstance(event, kinds)]


def test_a_pool_that_was_exhausted_is_told_of_in_observations_and_a_timeline(reference_stack: Running) -> None:
    context, recorder = reference_stack.context("chaos/test")
    run_chaos(context, scenario("pool_exhausted", parameters={"hold": "4s"}), steady_state=lambda: None)

    assert names(recorder) == ["FaultInjected", "FaultHealed"]
    assert recorder.value("recovered") is True
    assert recorder.value("wrong_answers") == 0
    assert recorder.value("unclear_errors") == 0
    assert recorder.value("errors_meanwhile") > 10
    assert 1.0 < recorder.value("slowest_answer") < 8.0
    assert recorder.value("search_outage") > 3.0
    assert recorder.value("readiness_red_after") < 3.0
    (timeline,) = recorder.timelines
    assert [span.kind for span in timeline.spans] == ["fault", "hold", "recovery"]
    assert 4.0 <= timeline.spans[1].seconds < 10.0
    errors = next(series for series in timeline.series if series.name == "search errors")
    assert sum(value for _, value in errors.points) >= recorder.value("errors_meanwhile")


def test_without_a_steady_state_nothing_is_broken(reference_stack: Running) -> None:
    context, recorder = reference_stack.context("chaos/test")

    with pytest.raises(NotMeasurable, match="before the fault: search: 503"):
        run_chaos(context, scenario("pool_exhausted"), steady_state=lambda: "search: 503")

    assert names(recorder) == []
    assert recorder.observations == []


def test_a_steady_state_that_does_not_come_back_is_told(reference_stack: Running) -> None:
    context, recorder = reference_stack.context("chaos/test")
    states = iter([None])
    run_chaos(
        replace(context, deadline=Deadline.after(300)),
        scenario("pool_exhausted"),
        steady_state=lambda: next(states, "recall: 80 %"),
    )

    (seen,) = [one for one in recorder.observations if one.name == "steady_state_again"]
    assert (seen.value, seen.detail) == (False, "recall: 80 %")


def test_an_interruption_while_the_fault_is_held_heals_it(reference_stack: Running) -> None:
    context, recorder = reference_stack.context("chaos/test")
    interruption = Interruption()
    context = replace(context, deadline=Deadline.after(120, interruption))

    class Hearing(type(recorder)):  # type: ignore[misc]  # the recorder's own class, whichever it is
        def event(self, event: Any) -> None:
            super().event(event)
            if isinstance(event, FaultInjected):
                threading.Timer(0.5, interruption.set, ["SIGTERM"]).start()

    hearing = Hearing(reference_stack.directory, "chaos/test")
    with pytest.raises(Interrupted):
        run_chaos(
            replace(context, recorder=hearing),
            scenario("pool_exhausted", parameters={"hold": "60s"}, during={"ledger": {"rate": "50/s"}}),
            steady_state=lambda: None,
        )

    assert names(hearing) == ["FaultInjected", "FaultHealed"]
    with session(reference_stack.stack.postgres().dsn(), timeout_seconds=10) as connection:
        assert connection.execute(LEFT).fetchone() == (0,)
    assert not [one for one in reference_stack.run.state.open_records() if one.kind.startswith("fault:")]


def test_a_fault_that_does_not_land_makes_the_scenario_unknown(reference_stack: Running) -> None:
    context, recorder = reference_stack.context("chaos/test")
    server = reference_stack.stack.postgres()
    role = server.role_name(Role.APPLICATION)
    with session(server.dsn(), timeout_seconds=60) as connection:
        connection.execute(f"ALTER ROLE {role} NOLOGIN".encode())
        try:
            with pytest.raises(NotMeasurable, match="pool_exhausted did not land"):
                run_chaos(context, scenario("pool_exhausted"), steady_state=lambda: None)
        finally:
            connection.execute(f"ALTER ROLE {role} LOGIN".encode())

    assert names(recorder) == []
    assert recorder.observations == []


class Stubborn:
    """A fault that heals at the second attempt only."""

    proof = "it is broken"
    injected_at = 0.0
    attempts = 0

    def heal(self, _context: object) -> str:
        self.attempts += 1
        if self.attempts == 1:
            raise OSError("no way")
        return "gone"


def test_what_an_earlier_scenario_left_broken_is_healed_before_the_next_one(reference_stack: Running) -> None:
    context, recorder = reference_stack.context("chaos/test")
    stubborn = Stubborn()
    context.cache[LEFTOVERS] = [Landed(name="stubborn", number=1, injected=stubborn)]

    with pytest.raises(OSError, match="no way"):
        run_chaos(context, scenario("pool_exhausted"), steady_state=lambda: "not looked at")
    with pytest.raises(NotMeasurable, match="looked at"):
        run_chaos(context, scenario("pool_exhausted"), steady_state=lambda: "looked at")

    assert names(recorder) == ["FaultUnhealed", "FaultHealed"]
    assert LEFTOVERS not in context.cache


def test_a_failover_with_a_synchronous_standby_loses_nothing(fresh_stack: Callable[..., Running]) -> None:
    context, recorder = fresh_stack().context("chaos/test")
    spec = scenario("primary_killed", during={"ledger": {"rate": "100/s"}})
    run_chaos(context, spec, steady_state=lambda: None)

    assert names(recorder) == ["FaultInjected", "FaultHealed"]
    lost = next(one for one in recorder.observations if one.name == "acknowledged_rows_lost")
    assert lost.value == 0
    assert lost.n is not None
    assert lost.n > 50
    assert recorder.value("recovered") is True
    assert 0.02 < recorder.value("write_outage") < 10.0
    assert recorder.value("holes") == recorder.value("unexpected_rows") == 0


def test_a_failover_to_an_asynchronous_standby_behind_a_network_loses_the_last_writes(
    fresh_stack: Callable[..., Running],
) -> None:
    changes = {"services.db.standbys.replica": {"synchronous": False, "through_proxy": {"delay": "150ms"}}}
    context, recorder = fresh_stack(stack_changes=changes).context("chaos/test")
    spec = scenario("primary_killed", during={"ledger": {"rate": "100/s"}})
    run_chaos(context, spec, steady_state=lambda: None)

    assert recorder.value("acknowledged_rows_lost") >= 3
    assert recorder.value("holes") == 0
    assert 0.03 < recorder.value("rpo") < 2.0
