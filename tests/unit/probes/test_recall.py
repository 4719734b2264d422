"""Recall is of as many results as were asked for: who returns everything finds everything."""

from __future__ import annotations

from gonogo.pg.vectors import Exact
from gonogo.probes.recall import compared_with

TRUTH = Exact(keys=("a", "b"), limit=0.2, by_key={"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.4})


def test_results_beyond_those_asked_for_do_not_count() -> None:
    right = compared_with(TRUTH, ["b", "a"], tenant="acme", query="q")
    assert (right.recall, right.share, right.missed) == (1.0, 1.0, ())
    everything = compared_with(TRUTH, ["d", "d", "c", "b", "a"], tenant="acme", query="q")
    assert (everything.recall, everything.share, everything.missed) == (0.0, 1.0, ("a", "b"))
