"""The exact oracle at its edges: what is a neighbour, what is a tie, and what cannot be said."""

from __future__ import annotations

import struct
import tracemalloc
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from typing import Any, cast

import numpy as np
import pytest

from gonogo.core.errors import NotMeasurable
from gonogo.core.facts import TableFacts
from gonogo.pg import vectors
from gonogo.pg.vectors import (
    Vectors,
    as_text,
    distances,
    exact_top,
    fetch_vectors,
    mean_with_interval,
    parse_payloads,
    parse_text,
    recall,
)


def stored(rows: Sequence[Sequence[float]], tenants: Sequence[str] | None = None) -> Vectors:
    keys = np.array([f"k{number}" for number in range(len(rows))])
    return Vectors(keys=keys, tenants=np.array(tenants or [""] * len(rows)), values=np.array(rows, dtype=np.float32))


LINE = stored([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0], [4.0, 0.0]])
ORIGIN = np.array([[0.0, 0.0]])


def test_the_nearest_come_first_and_no_more_than_k() -> None:
    (truth,) = exact_top(ORIGIN, LINE, 2, "<->")
    assert truth.keys == ("k0", "k1")
    assert truth.wanted == 2


def test_there_is_no_more_to_find_than_is_stored() -> None:
    (truth,) = exact_top(ORIGIN, LINE, 10, "<->")
    assert truth.wanted == 4
    assert recall(truth, ["k0", "k1", "k2", "k3"]) == 1.0


def test_returning_nothing_is_no_recall_at_all() -> None:
    (truth,) = exact_top(ORIGIN, LINE, 2, "<->")
    assert recall(truth, []) == 0.0


def test_strangers_and_doubles_do_not_count() -> None:
    (truth,) = exact_top(ORIGIN, LINE, 2, "<->")
    assert recall(truth, ["k0", "k0"]) == 0.5
    assert recall(truth, ["k0", "-1", "somebody else's"]) == 0.5
    assert recall(truth, ["k0", "k1", "k2", "k3"]) == 1.0


def test_a_farther_row_than_the_kth_is_a_miss() -> None:
    (truth,) = exact_top(ORIGIN, LINE, 2, "<->")
    assert recall(truth, ["k0", "k2"]) == 0.5


def test_equally_near_rows_are_equally_right() -> None:
    tied = stored([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -2.0]])
    (truth,) = exact_top(ORIGIN, tied, 2, "<->")
    assert [recall(truth, pair) for pair in (["k0", "k1"], ["k1", "k2"], ["k0", "k2"])] == [1.0, 1.0, 1.0]
    assert recall(truth, ["k0", "k3"]) == 0.5


def test_a_difference_below_single_precision_is_a_tie_and_one_above_is_none() -> None:
    close = stored([[1.0, 0.0], [1.0 + 5e-7, 0.0], [1.001, 0.0]])
    (truth,) = exact_top(ORIGIN, close, 1, "<->")
    assert recall(truth, ["k1"]) == 1.0
    assert recall(truth, ["k2"]) == 0.0


def test_many_queries_give_the_same_as_one_at_a_time() -> None:
    random = np.random.default_rng(1)
    rows, queries = random.normal(size=(50, 8)), random.normal(size=(5, 8))
    data = stored(rows.tolist())
    for operator in ("<=>", "<->", "<#>", "<+>"):
        together = exact_top(queries, data, 7, operator)
        alone = [exact_top(query[None, :], data, 7, operator)[0] for query in queries]
        assert [one.keys for one in together] == [one.keys for one in alone]


def test_every_operator_is_computed_as_it_is_defined() -> None:
    query, value = np.array([[3.0, 4.0]]), np.array([[4.0, 3.0]])
    found = {operator: distances(query, value, operator)[0, 0] for operator in ("<=>", "<->", "<#>", "<+>")}
    assert found == pytest.approx({"<=>": 1 - 24 / 25, "<->": 2**0.5, "<#>": -24.0, "<+>": 2.0})


def test_a_zero_vector_is_no_neighbour_by_cosine() -> None:
    (truth,) = exact_top(np.array([[1.0, 0.0]]), stored([[0.0, 0.0], [1.0, 1.0]]), 2, "<=>")
    assert truth.keys == ("k1",)


@pytest.mark.parametrize(
    ("queries", "data", "k", "operator", "sentence"),
    [
        (ORIGIN, stored([[1.0, 0.0]]).of_tenant("nobody"), 1, "<->", "no vectors"),
        (np.empty((0, 2)), LINE, 1, "<->", "no vectors"),
        (ORIGIN, LINE, 0, "<->", "nearest 0"),
        (np.array([[np.nan, 0.0]]), LINE, 1, "<->", "no numbers"),
        (np.array([[1.0, 0.0, 0.0]]), LINE, 1, "<->", "3 dimensions, stored ones 2"),
        (ORIGIN, LINE, 1, "<=>", "no stored vector has a distance"),
        (ORIGIN, LINE, 1, "<~>", "no exact computation"),
    ],
)
def test_what_cannot_be_compared_is_not_measurable(
    queries: np.ndarray[tuple[int, int], np.dtype[np.float64]], data: Vectors, k: int, operator: str, sentence: str
) -> None:
    with pytest.raises(NotMeasurable, match=sentence):
        exact_top(queries, data, k, operator)


def test_a_tenant_has_its_own_rows_only() -> None:
    data = stored([[1.0], [2.0], [3.0]], ["a", "b", "a"])
    assert data.of_tenant("a").keys.tolist() == ["k0", "k2"]
    assert len(data.of_tenant(None)) == 3


def test_text_is_read_back_as_it_was_written() -> None:
    vector = np.array([0.1, -2.5e-8, 3.0], dtype=np.float32)
    assert parse_text(as_text(vector)).astype(np.float32).tolist() == vector.tolist()


def test_text_that_is_no_vector_is_not_measurable() -> None:
    with pytest.raises(NotMeasurable, match="is not a vector"):
        parse_text("[1,two]")


def payload(values: Sequence[float], code: str) -> bytes:
    return struct.pack(f">hh{len(values)}{code}", len(values), 0, *values)


@pytest.mark.parametrize("code", ["f", "e"], ids=["vector", "halfvec"])
def test_the_binary_forms_of_pgvector_are_read(code: str) -> None:
    assert parse_payloads([payload([1.0, -2.0], code), payload([0.5, 4.0], code)], "t").tolist() == [[1, -2], [0.5, 4]]


@pytest.mark.parametrize(
    ("payloads", "sentence"),
    [
        ([], "holds no vectors"),
        ([payload([1.0], "f"), payload([1.0, 2.0], "f")], "not all of one size"),
        ([struct.pack(">hh", 0, 0)], "cannot read"),
        ([payload([1.0, 2.0], "d")], "cannot read"),
    ],
)
def test_payloads_that_are_no_vectors_of_one_size_are_not_measurable(payloads: list[bytes], sentence: str) -> None:
    with pytest.raises(NotMeasurable, match=sentence):
        parse_payloads(payloads, "t")


class Rows:
    """A connection whose cursor gives rows of (key, tenant, payload), a block at a time."""

    def __init__(self, rows: Iterable[tuple[str, str | None, bytes]]) -> None:
        self._rows = iter(rows)

    def transaction(self) -> AbstractContextManager[None]:
        return nullcontext()

    def cursor(self, **_: Any) -> AbstractContextManager[Rows]:
        return nullcontext(self)

    def execute(self, _statement: Any) -> Rows:
        return self

    def fetchmany(self, size: int) -> list[tuple[str, str | None, bytes]]:
        return list(islice(self._rows, size))


def fetched(rows: Iterable[tuple[str, str | None, bytes]]) -> Vectors:
    table = TableFacts(name="t", rows=1, size_bytes=1, primary_key=("id",), vector="e")
    return fetch_vectors(cast("Any", Rows(rows)), table)


def test_vectors_are_read_block_by_block_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "BLOCK_ROWS", 2)
    found = fetched((f"k{number}", None, payload([number, 0.5], "f")) for number in range(5))
    assert found.keys.tolist() == ["k0", "k1", "k2", "k3", "k4"]
    assert found.tenants.tolist() == [""] * 5
    assert found.values.tolist() == [[number, 0.5] for number in range(5)]


@pytest.mark.parametrize(
    ("limit_bytes", "payloads", "sentence"),
    [
        (100, [], "holds no vectors"),
        (100, [payload([1.0], "f")] * 3 + [payload([1.0, 2.0], "f")], "not all of one size"),
        (31, [payload([1.0], "f")] * 4, "GiB of memory"),
    ],
)
def test_what_one_block_does_not_show_is_seen(
    monkeypatch: pytest.MonkeyPatch, limit_bytes: int, payloads: list[bytes], sentence: str
) -> None:
    monkeypatch.setattr(vectors, "BLOCK_ROWS", 2)
    monkeypatch.setattr(vectors, "BYTES_LIMIT", limit_bytes)
    with pytest.raises(NotMeasurable, match=sentence):
        fetched(("k", None, one) for one in payloads)


def test_vectors_are_held_once_while_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "BLOCK_ROWS", 500)
    one = [0.5] * 768
    tracemalloc.start()
    try:
        found = fetched((str(number), "acme", payload(one, "f")) for number in range(10_000))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 1.6 * found.values.nbytes
    assert found.of_tenant("acme") is found


def test_no_samples_are_no_mean() -> None:
    with pytest.raises(NotMeasurable):
        mean_with_interval([])


def test_the_interval_holds_the_mean_is_repeatable_and_shrinks_with_more_samples() -> None:
    few, many = mean_with_interval([0.8, 1.0] * 5), mean_with_interval([0.8, 1.0] * 50)
    assert few == mean_with_interval([0.8, 1.0] * 5)
    assert few.low <= few.mean <= few.high
    assert many.high - many.low < few.high - few.low
    assert (few.n, many.n) == (10, 100)


def test_one_sample_claims_no_more_than_itself() -> None:
    found = mean_with_interval([0.7])
    assert (found.mean, found.low, found.high, found.n) == (0.7, 0.7, 0.7, 1)
