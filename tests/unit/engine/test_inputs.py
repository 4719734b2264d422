"""What a run is asked to do: objectives and limits, inheritance, patterns."""

from __future__ import annotations

from pathlib import Path

import pytest

from gonogo.core.errors import SpecError, UsageError
from gonogo.engine.inputs import RunOptions, load_policy, matching, read_inputs, resolve_policy
from gonogo.engine.plan import World, make_plan
from gonogo.spec.content import find_config


def objectives_under(tmp_path: Path, limits: str, **changes: str | None) -> dict[str, str]:
    policy = tmp_path / "mine.yaml"
    policy.write_text(f"policy: mine\nextends: base\nlimits: {limits}\n")
    stack = {f"objectives.{name}": value for name, value in changes.items()}
    return read_inputs(RunOptions(policy=str(policy), stack_changes=stack)).objectives


@pytest.mark.parametrize(
    ("limits", "name", "expected"),
    [
        ("{rto: {at_most: 15min}}", "rto", "5min"),
        ("{rto: {at_most: 1min}}", "rto", "1min"),
        ("{}", "rto", "5min"),
    ],
)
def test_the_stricter_of_objective_and_limit_counts(tmp_path: Path, limits: str, name: str, expected: str) -> None:
    assert objectives_under(tmp_path, limits)[name] == expected


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ("{rto: {between: [1s, 2s]}}", "limits.rto: between tightens nothing"),
        ("{rto: {equals: true}}", "equals tightens nothing; allowed: at_most, at_least"),
        (
            "{error_rate: {at_most: 5MB}}",
            "limits.error_rate of the policy, 5MB, is in another unit than the objective, 1%",
        ),
        ("{rto: {at_most: 5MB}}", "mine.yaml:3:10: policy mine: limits.rto: 5MB is no duration"),
        ("{rto: {at_most: 900}}", "mine.yaml:3:10: policy mine: limits.rto: 900 is no duration"),
        (
            "{rpo: {at_least: 24h}}",
            "mine.yaml:3:10: policy mine: limits.rpo: at_least would loosen .* allowed: at_most",
        ),
        ("{rto: {at_most: '${objectives.rpo}'}}", "is not a quantity"),
    ],
)
def test_a_limit_that_cannot_be_compared_is_an_error_and_no_crash(tmp_path: Path, limits: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        objectives_under(tmp_path, limits)


@pytest.mark.parametrize("written", ["300", "'300'", "5%", "soon"])
def test_an_objective_of_time_without_a_unit_is_an_error_with_its_line(tmp_path: Path, written: str) -> None:
    stack = tmp_path / "mine.yaml"
    text = find_config("stacks", "reference").read_text().replace("search_p95: 300ms", f"search_p95: {written}")
    stack.write_text(text)
    line = next(number for number, one in enumerate(text.splitlines(), 1) if "search_p95" in one)
    with pytest.raises(SpecError, match=rf"mine\.yaml:{line}:\d+: objectives\.search_p95: .*is no"):
        read_inputs(RunOptions(stack=str(stack)))


def test_zero_is_the_same_in_every_unit(tmp_path: Path) -> None:
    assert objectives_under(tmp_path, "{rpo: {at_most: 0}}")["rpo"] == "0"


def test_a_limit_counts_where_the_stack_has_no_objective(tmp_path: Path) -> None:
    assert objectives_under(tmp_path, "{search_p95: {at_most: 2s}}", search_p95=None)["search_p95"] == "2s"


def test_a_limit_that_nothing_reads_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no verification reads the limit 'rt0'; did you mean 'rto'"):
        objectives_under(tmp_path, "{rt0: {at_most: 2s}}")


def test_a_users_policy_cannot_take_the_name_of_a_shipped_one(tmp_path: Path) -> None:
    folder = tmp_path / "config" / "policies"
    folder.mkdir(parents=True)
    (folder / "ci.yaml").write_text("policy: ci\nextends: base\n")
    with pytest.raises(UsageError, match="policy 'ci' is defined twice"):
        read_inputs(RunOptions(content=(tmp_path,)))


def test_a_policy_inherits_key_by_key(tmp_path: Path) -> None:
    policy = tmp_path / "mine.yaml"
    policy.write_text("policy: mine\nextends: pre-production\nareas: {api: 50}\nmax_age: 1h\n")
    resolved = resolve_policy(load_policy(str(policy)))
    assert (resolved.name, resolved.areas["api"], resolved.areas["backup"], resolved.max_age_s) == (
        "mine",
        50,
        15,
        3600,
    )
    assert "chaos/failover" in resolved.require


def test_policies_that_inherit_in_a_circle_are_an_error(tmp_path: Path) -> None:
    policy = tmp_path / "mine.yaml"
    policy.write_text(f"policy: mine\nextends: {policy}\n")
    with pytest.raises(UsageError, match="in a circle"):
        load_policy(str(policy))


def test_patterns_keep_their_order_and_one_that_names_nothing_is_an_error() -> None:
    known = ["checks/b", "checks/a", "chaos/x"]
    assert matching(["chaos/*", "checks/*", "checks/a"], known, "--only") == ["chaos/x", "checks/a", "checks/b"]
    with pytest.raises(UsageError, match="--only 'load/\\*' names no verification"):
        matching(["load/*"], known, "--only")


def test_an_unknown_fault_or_probe_in_a_users_file_is_told_with_its_line(tmp_path: Path) -> None:
    folder = tmp_path / "chaos"
    folder.mkdir()
    (folder / "mine.yaml").write_text(
        "title: A sentence that is long enough\n"
        "faults:\n  - primary_kiled: {}\nexpect: {write_outage: {at_most: 10s}}\n"
    )
    with pytest.raises(
        SpecError, match=r"mine\.yaml:3:5: unknown fault 'primary_kiled'; did you mean 'primary_killed'"
    ):
        make_plan(read_inputs(RunOptions(content=(tmp_path,), only=("chaos/mine",))), World())


def test_a_share_of_all_requests_limits_nothing(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"limits\.error_rate: 1 is every request or more; a share is written as 1%"):
        objectives_under(tmp_path, "{error_rate: {at_most: 1}}")
    assert objectives_under(tmp_path, "{error_rate: {at_most: 0.001}}")["error_rate"] == "0.001"
