"""A load speaks the whole contract: searches, chats that stream, documents that are stored, logins that run out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from tests.func.load.test_open_model import profile, run

from gonogo.stacks.contract import application_of

APIS = Path(__file__).parents[2] / "apis"
TEXT = "Spring tides come when sun, moon and earth stand in line."
QUESTION = "When do spring tides come?"


def attached(name: str, tmp_path: Path, fresh_stack: Callable[..., Any], **environment: str) -> tuple[Any, str]:
    """A started API with one document, which its corpus asks for; and the document's id."""
    data = yaml.safe_load((APIS / f"{name}.yaml").read_text())
    data["services"]["app"] |= {"workdir": str(APIS.parents[1])}
    data["services"]["app"]["environment"] |= environment
    data["corpus"] = {"questions": "questions.jsonl"}
    path = tmp_path / "stack.yaml"
    path.write_text(yaml.safe_dump(data))
    running = fresh_stack(stack=str(path), runtime="embedded")
    with application_of(running.stack) as application:
        stored = application.ingest("acme", "tides", "Tides", TEXT)
        known = application.stored_id(stored, "tides")
    question = {"id": "q1", "tenant": "acme", "question": QUESTION, "document": known}
    (tmp_path / "questions.jsonl").write_text(json.dumps(question) + "\n")
    return running, known


def test_searches_chats_that_stream_and_uploads_share_a_load(tmp_path: Path, fresh_stack: Callable[..., Any]) -> None:
    running, _ = attached("streaming", tmp_path, fresh_stack)
    requests = {"search": 2, "chat": 1, "ingest": 1}
    result = run(
        running,
        profile(duration="3s", arrivals={"rate": "20/s", "spacing": "even"}, **{"with": {"requests": requests}}),
    )
    assert {sample.error for sample in result.samples} == {""}
    sent = Counter(sample.name for sample in result.samples)
    assert sum(sent.values()) == 60
    assert sent["search"] > sent["chat"] > 5
    assert sent["ingest"] > 5
    searched = [sample for sample in result.samples if sample.name == "search"]
    assert {sample.correct for sample in searched} == {True}
    assert all(sample.size_bytes > 200 for sample in result.samples if sample.name == "chat")


def test_a_chat_whose_stream_carries_an_error_is_an_error(tmp_path: Path, fresh_stack: Callable[..., Any]) -> None:
    running, _ = attached("streaming", tmp_path, fresh_stack)
    line = json.loads((tmp_path / "questions.jsonl").read_text())
    (tmp_path / "questions.jsonl").write_text(json.dumps({**line, "question": "Will it fail ?"}))
    arrivals = {"rate": "20/s", "spacing": "even"}
    result = run(running, profile(duration="1s", arrivals=arrivals, **{"with": {"requests": {"chat": 1}}}))
    assert {(sample.ok, sample.status, sample.error) for sample in result.samples} == {(False, 200, "broken stream")}


def test_a_login_that_runs_out_under_load_is_made_again(tmp_path: Path, fresh_stack: Callable[..., Any]) -> None:
    running, _ = attached("workspaces", tmp_path, fresh_stack, TOKEN_USES="15")
    result = run(running, profile(duration="3s", arrivals={"rate": "20/s", "spacing": "even"}))
    assert {sample.error for sample in result.samples} == {""}
    with application_of(running.stack) as application:
        assert application.live().json()["logins"] >= 4
