"""What the plan leaves out, and what it makes of a stack file that is silent about what the database has."""

from __future__ import annotations

from typing import Any

import pytest

from gonogo.core.errors import UsageError
from gonogo.core.facts import Facts
from gonogo.core.outcome import Capability, Kind, SkipReason
from gonogo.core.plan import PlanItem
from gonogo.engine.inputs import RunOptions, read_inputs
from gonogo.engine.plan import World, make_plan

EVERYTHING = frozenset(Capability)


def planned(identifier: str, *, changes: dict[str, Any] | None = None, world: World | None = None) -> PlanItem:
    plan = make_plan(read_inputs(RunOptions(stack_changes=changes or {})), world or World())
    (item,) = [item for item in plan.items if item.id == identifier]
    return item


@pytest.mark.parametrize(
    ("identifier", "changes", "there"),
    [
        (
            "checks/vector_index/index_is_valid",
            {"data.tables.chunks.vector": None},
            {"vector_columns": ("c.embedding",)},
        ),
        ("checks/replication/standbys_stream", {"services.db.standbys": None}, {"streaming": ("replica",)}),
        (
            "checks/replication/synchronous_standbys_confirm",
            {"services.db.standbys": None},
            {"settings": {"synchronous_standby_names": "FIRST 1 (a)"}},
        ),
        (
            "checks/isolation/row_security_is_forced",
            {
                "contract.tenants": None,
                "data.tables": {"chunks": {"vector": "embedding"}},
            },
            {"row_security": ("chunks",)},
        ),
    ],
)
def test_what_the_stack_file_leaves_out_is_inapplicable_only_where_the_database_has_none_of_it(
    identifier: str, changes: dict[str, Any], there: dict[str, Any]
) -> None:
    without = World(capabilities=EVERYTHING, facts=Facts(runtime="embedded", versions={"postgresql": "17.5"}))
    assert planned(identifier, changes=changes, world=without).skip is SkipReason.NOT_APPLICABLE
    item = planned(identifier, changes=changes, world=World(capabilities=EVERYTHING, facts=Facts(runtime="x", **there)))
    assert item.skip is None
    assert "but the database has" in (item.unreachable or "")
    unread = planned(identifier, changes=changes, world=World(capabilities=EVERYTHING, facts=Facts(runtime="x")))
    assert unread.skip is None
    assert "could not be read" in (unread.unreachable or "")


def test_a_missing_capability_is_unsupported_with_its_reason() -> None:
    world = World(
        capabilities=EVERYTHING - {Capability.FAILOVER}, missing={"failover": "read-only"}, facts=Facts(runtime="x")
    )
    item = planned("chaos/failover", world=world)
    assert (item.skip, item.reason) == (SkipReason.UNSUPPORTED, "failover: read-only")


def test_a_declared_service_that_is_silent_makes_its_items_unknown_and_not_unsupported() -> None:
    world = World(
        capabilities=EVERYTHING - {Capability.SQL}, missing={"sql": "connection refused"}, facts=Facts(runtime="x")
    )
    item = planned("checks/security/passwords_are_scram", world=world)
    assert (item.skip, item.unreachable) == (None, "connection refused")


def test_a_stack_that_did_not_start_makes_everything_unknown() -> None:
    item = planned("checks/security/passwords_are_scram", world=World(failure="port in use"))
    assert item.unreachable == "the stack did not start: port in use"


def test_a_part_lists_the_rest_of_the_suite_as_deselected() -> None:
    plan = make_plan(read_inputs(RunOptions(only=("chaos/failover",))), World())
    assert [item.id for item in plan.items if item.runs] == ["chaos/failover"]
    assert {item.skip for item in plan.items if not item.runs} == {SkipReason.DESELECTED}


def test_what_skip_and_max_duration_leave_out_is_dropped_and_never_forgotten() -> None:
    skipped = make_plan(read_inputs(RunOptions(skip=("chaos/*",))), World())
    assert {item.skip for item in skipped.items if item.id.startswith("chaos/")} == {SkipReason.DROPPED}
    short = make_plan(read_inputs(RunOptions(max_duration_s=60.0)), World())
    assert short.predicted_s <= 60
    assert {item.skip for item in short.items if not item.runs} - {SkipReason.NOT_APPLICABLE} == {SkipReason.DROPPED}
    with pytest.raises(UsageError, match="nothing is selected"):
        make_plan(read_inputs(RunOptions(skip=("*",))), World())


def test_the_disruptive_come_last() -> None:
    plan = make_plan(read_inputs(RunOptions()), World())
    kinds = [item.kind.value for item in plan.items]
    assert kinds == sorted(kinds, key=["check", "load", "drill", "chaos"].index)


def test_a_part_that_is_all_unsupported_is_a_plan_all_the_same() -> None:
    """What a stack cannot do is told item by item; only an empty selection is a mistake of the caller."""
    readable = EVERYTHING - {Capability.WRITE}
    world = World(capabilities=readable, missing={"write": "it is only read"}, facts=Facts(runtime="external"))
    assert "it is only read" in planned("chaos/pool_exhaustion", world=world).reason


def test_what_is_only_read_is_loaded_gently_or_not_at_all() -> None:
    """Never at a lower rate than a profile claims: that would prove what nobody saw."""
    readable = EVERYTHING - {Capability.WRITE}
    item = planned("loadtests/search_steady", world=World(capabilities=readable, facts=Facts(runtime="external")))
    assert item.skip is SkipReason.UNSUPPORTED
    assert "30 requests a second" in item.reason
    assert planned(
        "loadtests/search_steady", world=World(capabilities=EVERYTHING, facts=Facts(runtime="external"))
    ).runs
    assert "quiet_host" in item.uses


def test_time_limits_grow_with_the_data() -> None:
    big = World(capabilities=EVERYTHING, facts=Facts(runtime="embedded", data_size_bytes=10 * 10**9))
    limits = {one: planned(one, world=big).time_limit_s for one in ("restore_drills/pg_dump_custom", "chaos/failover")}
    assert limits == {"restore_drills/pg_dump_custom": 600 + 20 * 500, "chaos/failover": 180 + 3 * 500}
    assert planned("chaos/failover").time_limit_s == 180


def test_of_drills_that_are_compared_the_standby_is_promoted_first() -> None:
    def drills(*, compare: bool) -> list[str]:
        inputs = read_inputs(RunOptions(kinds=(Kind.DRILL,), compare_strategies=compare))
        return [item.id for item in make_plan(inputs, World()).items if item.runs]

    alone, compared = drills(compare=False), drills(compare=True)
    assert compared[0] == "restore_drills/standby_promoted"
    assert alone[0] != compared[0]
    assert [one for one in alone if one != compared[0]] == compared[1:]
