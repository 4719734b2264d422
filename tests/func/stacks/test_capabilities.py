"""What the table of capabilities promises, stacks give; what they lack is told with what that costs."""

from __future__ import annotations

from tests.func.cli.gonogo import gonogo
from tests.func.conftest import Running

from gonogo.core.outcome import Capability
from gonogo.engine.capabilities import Given, expected, tried
from gonogo.spec.content import find_verifications


def test_an_embedded_stack_has_what_the_table_promises_and_nothing_that_it_denies(reference_stack: Running) -> None:
    found = {one.capability: one for one in tried(reference_stack.stack, find_verifications())}

    assert set(found) == set(Capability)
    promised = {one for one in Capability if expected(one, "embedded").given is Given.YES}
    denied = {one for one in Capability if expected(one, "embedded").given is Given.NO}
    assert {one: found[one].missing for one in promised if found[one].missing} == {}
    assert [one for one in denied if found[one].missing is None] == []


def test_doctor_says_what_each_runtime_gives_and_what_needs_it() -> None:
    ended = gonogo("doctor", "--capabilities")
    assert "failover: needed by chaos/failover" in ended.out
    assert "where the stack file declares a standby" in ended.out
    assert "- external  gonogo did not start it" in ended.out
