"""Reading an application's log."""

from __future__ import annotations

from pathlib import Path
from threading import Timer
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from gonogo.core.deadline import Deadline
from gonogo.probes.logs import _identified, _lines, _unstructured

if TYPE_CHECKING:
    from gonogo.stacks.context import Context


def reading(log: Path, *, seconds: float) -> Context:
    """A context of an application that writes to this file."""
    application = SimpleNamespace(log_text=log.read_text)
    stack = SimpleNamespace(application=lambda: application)
    return cast("Context", SimpleNamespace(stack=stack, deadline=Deadline.after(seconds)))


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


def test_the_rest_of_a_line_that_is_being_written_is_waited_for(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text('{"request_id": "t0"}\n{"request_id": "t1", "eve')

    def write_the_rest() -> None:
        with log.open("a") as file:
            file.write('nt": "request"}\n')

    Timer(0.2, write_the_rest).start()

    assert _unstructured(_lines(reading(log, seconds=30), {"t0", "t1"})) == ()


def test_a_line_that_nobody_ends_is_judged_as_it_is(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text('{"request_id": "t0"}\n{"request_id": "t1", "eve')

    lines = _lines(reading(log, seconds=0.1), {"t0", "t1"})

    assert _unstructured(lines) == ('line 2: {"request_id": "t1", "eve',)


def test_what_json_may_hold_as_it_is_ends_no_line(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text('{"event": "one\u2028two"}\n', encoding="utf-8")

    assert _unstructured(_lines(reading(log, seconds=5), ())) == ()
