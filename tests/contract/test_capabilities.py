"""The table of capabilities is whole, and says what stacks really can do."""

from __future__ import annotations

from gonogo.core.outcome import Capability
from gonogo.engine.capabilities import DIFFERENT, EXTERNAL, OWN, TABLE, Given, expected, rows
from gonogo.spec.content import find_verifications
from gonogo.stacks.runtimes import RUNTIMES


def test_every_capability_stands_in_the_table() -> None:
    assert set(TABLE) == set(Capability), "add it to engine/capabilities.py: what each runtime gives, and where"
    assert {runtime for _, runtime in DIFFERENT} <= set(OWN)
    assert {*OWN, EXTERNAL} <= set(RUNTIMES.names())


def test_a_condition_or_a_lack_says_which() -> None:
    found = [expected(one, runtime) for one in Capability for runtime in (*OWN, EXTERNAL)]
    assert [one for one in found if bool(one.note) == (one.given is Given.YES)] == []


def test_each_row_names_what_needs_the_capability() -> None:
    by_capability = {row.capability: row for row in rows(find_verifications())}
    assert "chaos/failover" in by_capability[Capability.FAILOVER].needed_by
    assert by_capability[Capability.KILL].support["external"].given is Given.NO
