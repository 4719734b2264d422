"""Reading an application's log."""

from __future__ import annotations

from gonogo.probes.logs import _unstructured


def test_a_line_that_is_no_json_object_is_named_by_its_number() -> None:
    lines = ['{"event": "started"}', "Traceback (most recent call last):", '["no object"]', "3"]
    assert _unstructured(lines) == ("line 2: Traceback (most recent call last):", 'line 3: ["no object"]', "line 4: 3")
    assert _unstructured(lines[:1]) == ()
