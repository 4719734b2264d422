"""What is missing, changed, expired or back in a restored store, told apart."""

from __future__ import annotations

import pytest

from gonogo.core.deadline import Deadline
from gonogo.core.observation import Observation
from gonogo.drills.stores import Item, Portrait
from gonogo.pg.tally import Fate
from gonogo.runners.store_ledger import StoreLedger
from gonogo.runners.store_report import came_back, compared, recall

STAYS = Item(kind="string", digest="a")
ENDS = Item(kind="string", digest="b", expires_ms=500)
LASTS = Item(kind="string", digest="c", expires_ms=9000)
BEFORE = {"0/stays": STAYS, "0/ends": ENDS, "1/lasts": LASTS}


def portrait(items: dict[str, Item], at_ms: int = 1000, thrown_away: int = 0) -> Portrait:
    return Portrait(
        items=items, group=lambda name: name.partition("/")[0], read_at_ms=at_ms, thrown_away=thrown_away
    )  # fmt: skip


def seen(after: dict[str, Item], later: dict[str, Item] | None = None, thrown: int = 0) -> dict[str, Observation]:
    before = portrait(BEFORE, at_ms=100)
    last = portrait(BEFORE if later is None else later)
    found = compared(before, portrait(after), last, thrown=thrown, deleted="0/erased")
    return {f"{one.name} {one.subject}".strip(): one for one in found}


def test_what_ended_by_itself_is_no_loss_and_what_forgot_its_end_is_one() -> None:
    good = seen({"0/stays": STAYS, "1/lasts": LASTS}, later={"0/stays": STAYS, "1/lasts": LASTS})
    assert (good["contents_differ"].value, good["lifetimes_differ"].value) == (0, 0)
    assert "1 ended by themselves" in good["contents_differ"].detail

    forgot = seen({"0/stays": STAYS, "0/ends": ENDS, "1/lasts": Item(kind="string", digest="c")})
    assert forgot["lifetimes_differ"].value == 1
    assert forgot["lifetimes_differ"].detail == "1/lasts: until 9.000 before, for ever restored"


def test_other_types_other_values_and_missing_things_are_counted() -> None:
    found = seen({"0/stays": Item(kind="list", digest="a"), "0/ends": ENDS})
    assert found["contents_differ"].value == 2
    assert found["contents_differ"].detail == "missing: 1/lasts; other value: 0/stays"


def test_what_others_changed_meanwhile_is_named_and_left_out() -> None:
    moved = {**BEFORE, "0/stays": Item(kind="string", digest="new")}
    found = seen({"0/ends": ENDS, "1/lasts": LASTS}, later=moved)
    assert found["contents_differ"].value == 0
    assert found["contents_differ not compared"].detail == "changed by others meanwhile: 0/stays"


def test_what_was_never_there_before_is_back_and_what_was_thrown_away_is_not_known() -> None:
    assert seen({**BEFORE, "0/erased": STAYS})["resurrected contents"].value == 1
    assert seen({**BEFORE, "0/of somebody": STAYS})["resurrected contents"].value is None
    assert seen({**BEFORE, "0/short": ENDS})["resurrected contents"].value == 0
    assert seen({"0/stays": STAYS, "0/ends": ENDS}, thrown=3)["contents_differ"].value is None
    assert seen(BEFORE, thrown=3)["contents_differ"].value == 0


def test_values_of_an_unknown_kind_make_the_comparison_unknown() -> None:
    odd = {**BEFORE, "0/odd": Item(kind="ReJSON-RL", digest=None)}
    found = {
        one.subject: one for one in compared(portrait(odd, 100), portrait(odd), portrait(odd), thrown=0, deleted="-")
    }
    assert found["not compared"].value is None
    assert not found["not compared"].not_applicable


def test_a_place_that_came_back_empty_is_no_restore() -> None:
    assert came_back(portrait(BEFORE), portrait({"0/stays": STAYS})).value is False
    assert came_back(portrait(BEFORE), portrait({"0/stays": STAYS, "1/x": STAYS})).value is True


class Writer:
    """Remembers what is there."""

    def __init__(self) -> None:
        self.there: set[int] = set()

    def write(self, number: int) -> None:
        self.there.add(number)

    def delete(self, number: int) -> None:
        self.there.discard(number)

    def close(self) -> None:
        pass


def test_a_ledger_counts_what_was_deleted_apart_from_what_was_lost() -> None:
    writer = Writer()
    with StoreLedger(writer, rate_per_second=2000) as ledger:
        ledger.await_writes(20, Deadline.after(10))
    end = ledger._written[-1].ended_at + 1
    assert all(one.fate is Fate.ACKNOWLEDGED for one in ledger._written)
    assert ledger.counted(writer.there, until=end).lost == 0
    assert ledger.counted(writer.there - {1, 5}, until=end).lost == 2
    assert ledger.back_again(writer.there, until=end)[0] == 0
    assert ledger.back_again(writer.there | {2}, until=end)[0] == 1


def test_one_lost_collection_shows_among_many_that_are_well() -> None:
    before = {"lost": [1.0] * 40, **{f"well-{number}": [1.0] * 40 for number in range(20)}}
    after = {**before, "lost": [0.7] * 40}
    drops = {one.subject: one.value for one in recall(before, after) if one.name == "recall_drop"}
    assert drops.pop("lost") == pytest.approx(0.3)
    assert set(drops.values()) == {0.0}


@pytest.mark.parametrize(("before", "after"), [({}, {}), ({"empty": []}, {"empty": []}), ({"a": [1.0]}, "it is down")])
def test_without_a_search_nothing_is_known_of_the_index(
    before: dict[str, list[float]], after: dict[str, list[float]] | str
) -> None:
    assert [(one.name, one.value) for one in recall(before, after)] == [("recall_drop", None)]
