"""Whatever a Compose file or an OpenAPI document holds, it stays the value that it was."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gonogo.engine.init.render import comment, flow, pair
from gonogo.spec.loader import parse

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
TRICKY = st.sampled_from(
    ["on", "1e3", "12:30", "0x1", "~", "- a", "a: b", "a #b", "*x", "&x", "!t", "%", "@", "`", "<<", "="]
)
VALUES = st.recursive(
    TEXT | TRICKY | st.integers(-1000, 1000) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT | TRICKY, inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
@settings(max_examples=150, deadline=None)
def test_a_value_is_read_back_as_it_was_by_both_readers(value: Any) -> None:
    text = pair("key", value, remark="a remark: [with, everything] # in it")
    assert yaml.safe_load(text) == {"key": value}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.yaml"
        path.write_text(text, encoding="utf-8")
        document = parse(path)
    assert (document.data, document.problems) == ({"key": value}, ())


@given(TEXT)
@settings(deadline=None)
def test_a_comment_is_nothing_but_a_comment(text: str) -> None:
    lines = comment(text, indent=2)
    assert yaml.safe_load("\n".join(lines)) is None
    assert flow(text) == flow(text).replace("\n", " ")
