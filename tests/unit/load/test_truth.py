"""What the oracle of a load changes on a server that outlives the run is noted before, so that it can be put back."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gonogo.core.deadline import Deadline
from gonogo.core.facts import TableFacts
from gonogo.load import truth
from gonogo.pg import capture, sessions
from gonogo.stacks import searching


class Run:
    """Keeps what is intended and undone."""

    def __init__(self) -> None:
        self.open: list[str] = []

    def intend(self, kind: str, _data: Any) -> str:
        self.open.append(kind)
        return kind

    def undone(self, record: str) -> None:
        self.open.remove(record)


@pytest.mark.parametrize(("runtime", "noted"), [("external", ["server_settings"]), ("embedded", [])])
def test_the_log_settings_are_noted_before_they_are_changed(
    monkeypatch: pytest.MonkeyPatch, runtime: str, noted: list[str]
) -> None:
    run, open_meanwhile = Run(), []
    server = SimpleNamespace(name="db", dsn=lambda *_: "", role_name=lambda _: "app")
    stack = SimpleNamespace(runtime=runtime, spec_path=Path("stack.yaml"), postgres=lambda: server)
    monkeypatch.setattr(capture, "capture", lambda *_, **__: open_meanwhile.extend(run.open))
    monkeypatch.setattr(sessions, "session", lambda *_, **__: nullcontext())
    monkeypatch.setattr(searching, "session", lambda *_, **__: nullcontext())
    monkeypatch.setattr(searching, "overridden", lambda _: {})
    monkeypatch.setattr(truth, "application_of", lambda _: nullcontext())
    context = SimpleNamespace(stack=stack, run=run, deadline=Deadline.after(10))

    truth._captured(cast("Any", context), [], TableFacts(name="chunks", rows=1, size_bytes=1), 10)

    assert open_meanwhile == noted
    assert run.open == []
