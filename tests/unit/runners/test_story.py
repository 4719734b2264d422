"""What a scenario's observations say, with literals."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from gonogo.core.observation import Observation
from gonogo.runners.beneath import Beneath
from gonogo.runners.probing import InFlight, Reply
from gonogo.runners.story import Broken, Story, observations
from gonogo.spec.contract import ContractSpec


def right(at: float, seconds: float = 0.01) -> Reply:
    return Reply(sent_at=at, ended_at=at + seconds, status=200, correct=True)


def wrong(at: float) -> Reply:
    return Reply(sent_at=at, ended_at=at + 0.01, status=200, correct=False, detail="q1: a is not among 0 hits")


def refused(at: float, seconds: float = 0.01, *, status: int | None = 503, clear: bool = True) -> Reply:
    return Reply(sent_at=at, ended_at=at + seconds, status=status, clear=clear, detail="" if status else "timeout: x")


def ready(at: float) -> Reply:
    return right(at)


def story(**values: Any) -> Story:
    """Broken at 10, healed from 15 to 16, given up or recovered at 20."""
    broken = Broken(name="fault", began_at=9.9, injected_at=10.0, landed_at=10.5)
    instants = {"heal_began_at": 15.0, "healed_at": 16.0, "recovered_at": 16.5, "gave_up_at": 20.0, "ended_at": 20.0}
    return Story(began_at=8.0, broken=[broken], **{**instants, **values})


def observed(
    told: Story, replies: list[Reply], readiness: list[Reply] | None = None, *, without: tuple[str, ...] = ()
) -> dict[str, Observation]:
    beneath = Beneath.__new__(Beneath)
    spec = SimpleNamespace(contract=ContractSpec(without=without))
    beneath._context = SimpleNamespace(stack=SimpleNamespace(spec=spec))  # type: ignore[assignment]
    beneath.probers = SimpleNamespace(  # type: ignore[assignment]
        replies=replies, readiness=readiness or [], questions=(), asking_ready=InFlight()
    )  # fmt: skip
    beneath.ledger, beneath.samples = None, ()
    return {one.name: one for one in observations(told, beneath)}


def test_a_success_without_the_known_document_is_a_wrong_answer() -> None:
    seen = observed(story(), [right(9), wrong(11), refused(12), right(17)])

    assert (seen["wrong_answers"].value, seen["wrong_answers"].n) == (1, 3)
    assert "not among" in seen["wrong_answers"].detail


def test_errors_are_clear_or_not_and_a_rate_limit_is_neither() -> None:
    replies = [refused(11), refused(12, clear=False), refused(13, status=None, clear=False), limited(12)]
    seen = observed(story(), replies)

    assert (seen["unclear_errors"].value, seen["unclear_errors"].n) == (2, 3)
    assert "1 times timeout" in seen["unclear_errors"].detail
    assert seen["unclear_errors"].load_sensitive


def test_an_unclear_answer_is_one_on_a_busy_host_too() -> None:
    assert not observed(story(), [refused(12, status=500, clear=False)])["unclear_errors"].load_sensitive


def test_an_answer_that_waited_for_the_end_of_the_fault_is_the_slowest() -> None:
    seen = observed(story(), [right(9.9, seconds=6.2), refused(11, seconds=2.0), right(17, seconds=9.0)])

    assert seen["slowest_answer"].value == pytest.approx(6.2)
    assert seen["slowest_answer"].n == 2


def test_without_a_request_during_the_fault_nothing_is_said_about_its_answers() -> None:
    seen = observed(story(), [right(8), right(17)])

    assert "slowest_answer" not in seen
    assert seen["unclear_errors"].n == 0


def test_readiness_that_stays_green_is_as_late_as_the_fault_was_long() -> None:
    states = [ready(9 + 0.5 * step) for step in range(30)]
    seen = observed(story(), [right(9)], states)

    assert seen["readiness_red_after"].value == 5.0
    assert not seen["readiness_red_after"].load_sensitive


def test_readiness_tells_of_the_fault_and_of_its_end() -> None:
    states = [ready(9), refused(10.2), refused(14), *(ready(17 + step) for step in range(5))]
    seen = observed(story(gave_up_at=25.0), [right(9)], states)

    assert seen["readiness_red_after"].value == pytest.approx(0.21)
    assert seen["readiness_green_after"].value == pytest.approx(1.01)


def test_what_never_comes_back_is_no_matter_of_a_busy_host() -> None:
    seen = observed(story(recovered_at=None, unsteady="search: 503"), [right(9), refused(11), refused(18)])

    assert seen["recovered"].value is False
    assert seen["steady_state_again"].value is False
    assert seen["search_outage"].value == pytest.approx(20.0 - 9.01)
    sensitive = {one.name for one in seen.values() if one.load_sensitive}
    assert sensitive == {"slowest_answer"}


def limited(at: float) -> Reply:
    return Reply(sent_at=at, ended_at=at + 0.01, status=429)


def test_a_rate_limit_is_neither_green_nor_red() -> None:
    states = [ready(9), limited(11), refused(12), limited(17), *(ready(18 + step / 2) for step in range(5))]
    seen = observed(story(gave_up_at=25.0), [right(9)], [*states, limited(24)])

    assert seen["readiness_red_after"].value == pytest.approx(2.01)
    assert seen["readiness_green_after"].value == pytest.approx(2.01)
    assert seen["readiness_red_after"].n == 7


@pytest.mark.parametrize(
    "states",
    [
        [limited(9), limited(11)],
        [ready(9), limited(11)],
        [limited(9), refused(11)],
        [refused(9), refused(11)],
        [ready(2), refused(11)],
    ],
    ids=["only refused", "refused meanwhile", "refused before", "red before", "green long before"],
)
def test_readiness_that_was_not_seen_green_and_then_asked_did_not_go_red(states: list[Reply]) -> None:
    seen = observed(story(), [right(9)], states)["readiness_red_after"]

    assert (seen.value, seen.n, seen.not_applicable) == (None, 0, False)
    assert seen.detail


def test_what_was_never_reached_is_known_only_from_below() -> None:
    """An outage that goes on is at least as long as it was watched: no limit above that can hold."""
    lost = story(recovered_at=None, gave_up_at=20.0)
    seen = observed(lost, [right(9), refused(11), refused(17)], [ready(9), ready(11), ready(14)])

    for name in ("search_outage", "recovery_seconds", "readiness_red_after", "readiness_green_after"):
        assert seen[name].lower_bound, name
    back = observed(story(), [right(9), refused(11), right(17)], [ready(9), refused(11), *map(ready, range(17, 23))])
    for name in ("search_outage", "recovery_seconds", "readiness_red_after", "readiness_green_after"):
        assert not back[name].lower_bound, name


def test_a_steady_state_of_no_checks_says_nothing() -> None:
    assert observed(story(), [right(9)])["steady_state_again"].value is None
    assert observed(story(steady_checks=1), [right(9)])["steady_state_again"].value is True
    assert observed(story(steady_checks=1, unsteady="it is down"), [right(9)])["steady_state_again"].value is False


@pytest.mark.parametrize(("without", "has_none"), [((), False), (("ready",), True)])
def test_readiness_that_nobody_could_ask_for_is_neither_red_nor_green(without: tuple[str, ...], has_none: bool) -> None:
    seen = observed(story(), [right(9), right(17)], without=without)
    for name in ("readiness_red_after", "readiness_green_after"):
        assert (seen[name].value, seen[name].not_applicable) == (None, has_none)
