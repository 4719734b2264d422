"""The recall of a drill: what cannot be compared is not compared, and costs nothing else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from gonogo.core.deadline import Deadline
from gonogo.core.errors import NotMeasurable
from gonogo.core.facts import TableFacts
from gonogo.pg.capture import Captured
from gonogo.runners import baseline, restored
from gonogo.runners.baseline import Recalled, Searched, require_comparable
from gonogo.runners.searching import IndexUse

SEARCH = Captured(statement="SELECT 1", parameters=(), role="app", operator="<=>")
TABLE = TableFacts(name="chunks", rows=10, size_bytes=1, vector="embedding", primary_key=("id",))


def too_large(*_: Any, **__: Any) -> Any:
    raise NotMeasurable("the vectors of chunks need more than 2 GiB of memory")


def test_a_search_that_finds_next_to_nothing_is_nothing_to_compare_with() -> None:
    with pytest.raises(NotMeasurable, match="finds 2% of the true neighbours"):
        require_comparable([0.0] * 39 + [0.8])


@pytest.mark.parametrize("recall", [0.3, 1.0])
def test_a_search_of_few_hits_can_be_compared(recall: float) -> None:
    require_comparable([recall] * 40)


def test_a_sample_that_fails_is_told_and_raises_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baseline, "sample_of", too_large)
    context = SimpleNamespace(deadline=Deadline.after(60))
    asked = SimpleNamespace(captured=SEARCH, tenant="acme")
    found = baseline._recalled(cast("Any", context), cast("Any", None), cast("Any", asked), TABLE)
    assert found == Recalled(missing="the vectors of chunks need more than 2 GiB of memory")


def test_without_a_sample_only_the_drop_has_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restored, "index_use", lambda *_: IndexUse(used=True, detail="served by chunks_hnsw"))
    before = Searched(
        table=TABLE,
        captured=SEARCH,
        index=IndexUse(used=True, detail="served by chunks_hnsw"),
        recalled=Recalled(missing="too many vectors"),
    )
    found = restored.search(cast("Any", None), cast("Any", SimpleNamespace(searched=before)))
    assert {one.name: one.value for one in found.observations} == {"vector_index_used": True, "recall_drop": None}
    assert "too many vectors" in found.observations[-1].detail
