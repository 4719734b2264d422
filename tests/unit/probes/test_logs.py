"""Reading an application's log."""

from __future__ import annotations

from gonogo.probes.logs import _identified, _unstructured


def test_a_line_that_is_no_json_object_is_named_by_its_number() -> None:
    lines = ['{"event": "started"}', "Traceback (most recent call last):", '["no object"]', "3"]
    assert _unstructured(lines) == ("line 2: Traceback (most recent call last):", 'line 3: ["no object"]', "line 4: 3")
    assert _unstructured(lines[:1]) == ()


def test_many_lines_of_one_request_do_not_stand_for_those_of_another() -> None:
    asked = {"t0": "search", "t1": "chat", "t11": "document"}
    lines = ['{"request_id": "t0"}', *3 * ['{"request_id": "t1"}'], '{"event": "t11 is within a text"}']
    mentioned, silent = _identified(lines, asked)

    assert (mentioned.value, mentioned.n) == (4, 5)
    assert (silent.value, silent.n, silent.detail) == (1, 3, "no line has the id of: document")
