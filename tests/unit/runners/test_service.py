"""When a restored service serves again, and that a drill's document does not stay in a store that is not restored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gonogo.core.deadline import Deadline
from gonogo.core.errors import StackError
from gonogo.pg.fingerprint import Fingerprint
from gonogo.runners import service
from gonogo.runners.baseline import Baseline
from gonogo.runners.phases import PhaseClock
from gonogo.runners.service import Served, serve_again
from gonogo.stacks.contract import Answer, Hit, Question, SearchAnswer

BASELINE = Baseline(
    fingerprint=Fingerprint(algorithm="a", tables={}, sequences={}),
    question=Question(id="q1", tenant="globex", question="where?", document="d7"),
    searched=None,
)
FOUND = (Hit(document="d7"),)


def answer(status: int) -> Answer:
    return Answer(request="POST /", status=status, headers={}, started=0.0, seconds=0.0)


@dataclass
class Restored:
    """A restored service: whether it answers now, and what it holds."""

    right: bool = True
    right_after_writes: bool = True
    finished: int = 0
    needs_all: bool = False
    documents: list[tuple[str, str]] = field(default_factory=list)

    def finish(self) -> None:
        self.finished += 1
        self.right = self.right or self.needs_all

    def search(self, *_: Any, **__: Any) -> SearchAnswer:
        right = self.right and (self.right_after_writes or not self.documents)
        return SearchAnswer(answer=answer(200), hits=FOUND if right else ())

    def declares(self, _name: str) -> bool:
        return True

    def ingest(self, tenant: str, *_: str) -> Answer:
        self.documents.append((tenant, "number 5"))
        return answer(201)

    def stored_id(self, _answer: Answer, _asked: str) -> str:
        return "number 5"

    def delete(self, tenant: str, stored: str) -> Answer:
        self.documents.remove((tenant, stored))
        return answer(204)


def served(monkeypatch: pytest.MonkeyPatch, restored: Restored, error: StackError | None = None) -> Served:
    monkeypatch.setattr(service, "ANSWER_SECONDS", 0.03)
    monkeypatch.setattr(service, "application_of", lambda *_, **__: nullcontext(restored))

    @contextmanager
    def scratch(*_: Any) -> Iterator[None]:
        if error is not None:
            raise error
        yield

    contract = SimpleNamespace(tenants={"acme": None, "globex": None})
    context = SimpleNamespace(
        stack=SimpleNamespace(scratch_application=scratch, spec=SimpleNamespace(contract=contract)),
        facts=SimpleNamespace(data_size_bytes=10_000),
        deadline=Deadline.after(30),
    )
    return serve_again(
        cast("Any", context), cast("Any", None), BASELINE, PhaseClock("provision"), finish=restored.finish
    )


def test_a_service_that_answers_by_scan_serves_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    restored = Restored()
    found = served(monkeypatch, restored)
    assert found.degraded_seconds is not None
    assert found.full_seconds is not None
    assert found.degraded_seconds < found.full_seconds
    assert (restored.finished, found.trouble) == (1, "")


def test_a_service_that_needs_its_index_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    restored = Restored(right=False, needs_all=True)
    found = served(monkeypatch, restored)
    assert (found.again, found.degraded_seconds, restored.finished) == (True, None, 1)
    assert "before the restore was finished" in found.trouble


def test_a_service_that_stays_wrong_does_not_serve_again(monkeypatch: pytest.MonkeyPatch) -> None:
    restored = Restored(right=False)
    found = served(monkeypatch, restored)
    assert (found.again, restored.finished) == (False, 1)
    assert found.trouble == "time limit reached: no correct answer to 'where?' as globex"


def test_a_restore_is_finished_although_no_service_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    restored = Restored()
    found = served(monkeypatch, restored, StackError("it ended"))
    assert (found.again, found.trouble, restored.finished) == (False, "it ended", 1)


@pytest.mark.parametrize("right", [True, False], ids=["right", "wrong after it"])
def test_the_written_document_is_removed_by_who_wrote_it(monkeypatch: pytest.MonkeyPatch, *, right: bool) -> None:
    restored = Restored(right_after_writes=right)
    assert served(monkeypatch, restored).again is right
    assert restored.documents == []
