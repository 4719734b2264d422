"""The drill of a whole stack, on PostgreSQL, Chroma and Redis with an application in front of them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from tests.func.conftest import running

from gonogo.core.outcome import Outcome
from gonogo.engine.plan import resolved_expectations
from gonogo.judge.expectations import judge_expectation
from gonogo.runners.whole_drill import run_whole_drill
from gonogo.stacks.contract import application_of
from gonogo.stacks.local.cache import cache_folder

if TYPE_CHECKING:
    from tests.func.conftest import Kept, Running

ID = "restore_drills/whole_stack"
pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        not (shutil.which("chroma") or (cache_folder() / "chroma/bin/chroma").exists()), reason="no chroma is set up"
    ),
    pytest.mark.skipif(not shutil.which("redis-server"), reason="no Redis is on PATH"),
]


@pytest.fixture(scope="module")
def personal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The stack with three stores."""
    with running(tmp_path_factory.mktemp("personal") / "run", stack="personal") as found:
        yield found


def drilled(running: Running, **options: Any) -> Kept:
    context, recorder = running.context(ID, seconds=120)
    run_whole_drill(context, running.inputs.verifications[ID].spec, **options)
    return recorder


def red(running: Running, kept: Kept) -> set[str]:
    expectations = resolved_expectations(running.inputs.verifications[ID], running.inputs.objectives)
    outcomes = {one.observation: judge_expectation(one, kept.observations, None).outcome for one in expectations}
    return {name for name, outcome in outcomes.items() if outcome is not Outcome.PASS}


def test_copies_of_one_moment_come_back_together_and_only_a_cache_that_was_kept_is_stale(personal: Running) -> None:
    kept = drilled(personal, changes={"cache": "kept"})

    assert red(personal, kept) == {"stale_cache_entries"}
    assert kept.value("stale_cache_entries") == 3
    phases = [one.value for one in kept.observations if one.name == "phase_seconds"]
    assert kept.value("rto") == pytest.approx(sum(one for one in phases if isinstance(one, float)), abs=1e-9)
    assert kept.value("acknowledged_documents_lost") == 2, "what came after the moment"
    with application_of(personal.stack) as application:
        left = application.search("me", "About the code word of the papers", 50).hits
        assert [hit.document for hit in left if hit.document.startswith("gonogo-drill")] == []


def test_vectors_of_yesterday_beside_rows_of_today_are_counted_on_both_sides(personal: Running) -> None:
    kept = drilled(personal, artefact_defect="vectors_of_yesterday", changes={"cache": "moment"})

    assert red(personal, kept) == {
        "documents_missing", "documents_without_vectors", "vectors_without_document", "stores_differ",
    }  # fmt: skip
    assert kept.value("documents_without_vectors", "passages") == 4
    assert kept.value("vectors_without_document", "passages") == 3
