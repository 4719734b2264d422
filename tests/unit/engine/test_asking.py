"""What the contract does not declare makes a verification unsupported with its reason, before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from gonogo.core.outcome import SkipReason
from gonogo.engine.asking import not_declared
from gonogo.engine.inputs import RunOptions, read_inputs
from gonogo.engine.plan import World, make_plan
from gonogo.spec.content import find_verifications
from gonogo.spec.contract import ContractSpec

BARE = Path(__file__).parents[2] / "apis/bare.yaml"
SEARCH = {"search": {"request": "POST /s", "hits": "$.h[*]", "hit": {"document": "$.id"}}}

WITHOUT_CHAT = {**SEARCH, "without": ["chat"], "ingest": "POST /d", "delete": "DELETE /d"}


def reason(identifier: str, **contract: object) -> str | None:
    return not_declared(find_verifications()[identifier], ContractSpec.model_validate(contract))


@pytest.mark.parametrize(
    ("identifier", "contract", "said"),
    [
        ("checks/observability/readiness_tells_what_it_checked", {}, "declares no ready and no live request"),
        ("checks/observability/metrics_families_exist", {}, "declares no metrics request"),
        ("checks/observability/metrics_families_exist", {"without": ["metrics"]}, "the application has no metrics"),
        ("checks/resilience/model_outage_is_a_clear_error", SEARCH, "declares no chat request"),
        ("checks/isolation/api_leaks_nothing", SEARCH, "no chat and no delete and no ingest request"),
        ("loadtests/search_steady", {}, "declares no search request"),
        ("checks/isolation/sql_leaks_nothing", {}, None),
        ("checks/isolation/api_leaks_nothing", WITHOUT_CHAT, None),
        ("checks/api/authentication_required", SEARCH, None),  # chat and document are UNKNOWN by their names
    ],
)  # fmt: skip
def test_only_what_cannot_be_done_without_is_missed(
    identifier: str, contract: dict[str, object], said: str | None
) -> None:
    found = reason(identifier, **contract)
    assert (found is None) if said is None else (found is not None and said in found), found


def test_the_plan_says_it() -> None:
    plan = make_plan(read_inputs(RunOptions(stack=str(BARE), only=("checks/observability/*",))), World())
    items = {item.id: item for item in plan.items}
    ready = items["checks/observability/readiness_tells_what_it_checked"]
    assert (ready.skip, ready.runs) == (SkipReason.UNSUPPORTED, False)
    assert ready.reason == "the contract says that the application has no ready and no live request"
