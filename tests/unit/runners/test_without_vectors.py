"""A drill on a database without vectors: what was not looked at has no value, and is never good."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from gonogo.core.errors import NotMeasurable
from gonogo.core.facts import Facts
from gonogo.engine.inputs import RunOptions, read_inputs
from gonogo.pg.fingerprint import Fingerprint
from gonogo.runners.baseline import Baseline, no_vectors, vector_table
from gonogo.runners.restored import isolation, nobody_to_leak_to, search
from gonogo.stacks.contract import Question

READ = {"postgresql": "17.5"}
BASELINE = Baseline(
    fingerprint=Fingerprint(algorithm="a", tables={}, sequences={}),
    question=Question(id="q1", tenant="me", question="?", document="d"),
    searched=None,
)


def context(facts: Facts, stack: str = "personal") -> Any:
    """What the runner is given on a stack of the repository."""
    spec = read_inputs(RunOptions(stack=stack)).stack.spec
    return SimpleNamespace(stack=SimpleNamespace(spec=spec), facts=facts)


@pytest.mark.parametrize(
    ("facts", "without"),
    [
        (Facts(runtime="embedded", versions=READ), True),
        (Facts(runtime="embedded", versions=READ, vector_columns=("notes.embedding",)), False),
        (Facts(runtime="embedded", problems=("the database could not be read",)), False),
    ],
)
def test_only_a_database_that_was_read_has_no_vectors(facts: Facts, without: bool) -> None:
    assert no_vectors(context(facts)) is without


def test_vectors_that_the_stack_file_is_silent_about_are_not_measured() -> None:
    facts = Facts(runtime="embedded", versions=READ, vector_columns=("notes.embedding",))
    with pytest.raises(NotMeasurable, match=r"but it has notes\.embedding"):
        vector_table(context(facts))


def test_the_index_and_the_recall_of_no_vectors_have_no_value() -> None:
    found = search(cast("Any", None), BASELINE)
    assert {one.name for one in found.observations} == {"vector_index_used", "recall_drop"}
    assert all(one.value is None and one.not_applicable and one.detail for one in found.observations)
    assert not found.index_used


def test_where_nobody_could_be_leaked_to_no_leak_is_counted() -> None:
    found = isolation(cast("Any", None), BASELINE, context(Facts(runtime="embedded", versions=READ)))
    assert (found.value, found.not_applicable) == (None, True)


def test_row_security_or_a_database_that_was_not_read_leaves_the_leaks_unknown() -> None:
    guarded = Facts(runtime="embedded", versions=READ, row_security=("notes",))
    assert not isolation(cast("Any", None), BASELINE, context(guarded)).not_applicable
    assert not nobody_to_leak_to(context(Facts(runtime="embedded")))
