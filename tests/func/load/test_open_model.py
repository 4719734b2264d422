"""The open model against a real HTTP server that stalls: a stall must show in the percentiles."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gonogo.core.deadline import Deadline, Interruption
from gonogo.core.errors import Interrupted, NotMeasurable, UsageError
from gonogo.load.health import require_delivered
from gonogo.load.running import LoadResult, RunningLoad, running_load
from gonogo.load.statistics import percentile
from gonogo.spec.verification import LoadSpec
from gonogo.stacks.cleanup import leftovers

RATE = 40
SECRET = "a-key-of-acme-0042"
HITS = {"hits": [{"id": "tides", "chunk": 7}, {"id": "bread", "chunk": 9}]}


class Server(ThreadingHTTPServer):
    """Answers in a few milliseconds; while `gate` is closed every answer waits for it."""

    daemon_threads = True

    def __init__(self, answer: tuple[int, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = answer
        self.gate = threading.Event()
        self.gate.set()
        self.keys: set[str | None] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, Server)
        self.rfile.read(int(self.headers["Content-Length"]))
        server.keys.add(self.headers["X-Key"])
        time.sleep(0.003)
        server.gate.wait()
        status, body = server.answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named so in the base class
        pass


@contextmanager
def serving(answer: tuple[int, bytes] = (200, json.dumps(HITS).encode())) -> Iterator[Server]:
    server = Server(answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.gate.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def stack_of(tmp_path: Path, fresh_stack: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """A function that attaches to a server as the application of an external stack."""
    monkeypatch.setenv("ACME_KEY", SECRET)
    question = {"id": "q1", "tenant": "acme", "question": "When do spring tides come?", "document": "tides"}
    (tmp_path / "questions.jsonl").write_text(json.dumps(question) + "\n")

    def attach(url: str) -> Any:
        path = tmp_path / "stack.yaml"
        path.write_text(f"""
stack: stalling
runtime: external
gentle_load: 1000/s
services: {{app: {{kind: http, url: "{url}"}}}}
contract:
  tenants: {{acme: {{headers: {{X-Key: "${{env.ACME_KEY}}"}}}}}}
  search:
    request: POST /search
    json: {{query: "{{query}}", k: "{{k}}"}}
    hits: "$.hits[*]"
    hit: {{document: $.id, chunk: $.chunk}}
corpus: {{questions: questions.jsonl}}
""")
        return fresh_stack(stack=str(path), runtime="external")

    return attach


def profile(**changes: Any) -> LoadSpec:
    arrivals = {"rate": f"{RATE}/s", "spacing": "even"}
    written = {"title": "Searches at a steady rate", "users": "search", "arrivals": arrivals, "duration": "4s"}
    return LoadSpec.model_validate({**written, **changes})


def run(stack: Any, spec: LoadSpec, *, beside: Callable[[], None] = lambda: None) -> LoadResult:
    context, _ = stack.context("loadtests/test")
    with running_load(context, spec, context.item_path, spec.duration) as running:
        beside()
        return running.wait()


def p95(result: LoadResult) -> float:
    return percentile([sample.latency_seconds for sample in result.measured], 0.95).value


def test_a_second_of_stall_in_four_shows_in_p95(stack_of: Callable[[str], Any]) -> None:
    with serving() as server:

        def stall() -> None:
            time.sleep(1.0)
            server.gate.clear()
            time.sleep(1.0)
            server.gate.set()

        result = run(stack_of(server.url), profile(), beside=stall)
    assert len(result.samples) == result.finished.due == 4 * RATE
    assert p95(result) > 0.5
    assert percentile([sample.latency_seconds for sample in result.measured], 0.5).value < 0.5
    require_delivered(result)  # the generator is well: it is the service that stalled


def test_a_healthy_server_is_quick_and_its_answers_are_right(stack_of: Callable[[str], Any]) -> None:
    with serving() as server:
        result = run(stack_of(server.url), profile())
        assert server.keys == {SECRET}
    assert p95(result) < 0.5
    assert {(sample.ok, sample.status, sample.correct) for sample in result.samples} == {(True, 200, True)}
    assert {sample.returned for sample in result.samples} == {("7", "9")}


@pytest.mark.parametrize(
    ("answer", "error"), [((503, b"{}"), "status 503"), ((200, b"<html>"), "unreadable"), ((200, b"{}"), "unreadable")]
)
def test_an_answer_that_is_no_success_or_cannot_be_read_is_an_error(
    stack_of: Callable[[str], Any], answer: tuple[int, bytes], error: str
) -> None:
    with serving(answer) as server:
        result = run(stack_of(server.url), profile(duration="1s"))
    assert {(sample.ok, sample.error) for sample in result.samples} == {(False, error)}


def test_a_request_without_an_answer_is_given_up_in_time(stack_of: Callable[[str], Any]) -> None:
    with serving() as server:
        server.gate.clear()
        result = run(stack_of(server.url), profile(duration="1s", **{"with": {"timeout": "500ms"}}))
    assert {sample.error for sample in result.samples} == {"timeout"}
    assert len(result.samples) == RATE
    assert all(0.4 < sample.latency_seconds < 2.0 for sample in result.samples)


def test_nobody_listens_and_every_request_says_so(stack_of: Callable[[str], Any]) -> None:
    with serving() as server:
        url = server.url
    result = run(stack_of(url), profile(duration="1s"))
    assert {(sample.status, sample.error) for sample in result.samples} == {(None, "refused")}


def test_a_load_that_is_stopped_early_keeps_what_was_in_flight(stack_of: Callable[[str], Any]) -> None:
    with serving() as server:
        stack = stack_of(server.url)
        context, _ = stack.context("loadtests/test")
        with running_load(context, profile(), context.item_path, 60) as running:
            time.sleep(1.0)
            began = time.monotonic()
            result = running.stop()
            assert running.stop() is result
    assert time.monotonic() - began < 10
    assert 0 < len(result.samples) == result.finished.due < 20 * RATE


def test_nothing_is_left_after_an_error_and_no_key_is_kept(stack_of: Callable[[str], Any]) -> None:
    with serving() as server:
        stack = stack_of(server.url)
        context, _ = stack.context("loadtests/test")
        kept: list[RunningLoad] = []

        def interrupted() -> None:
            with running_load(context, profile(), context.item_path, 60) as running:
                kept.append(running)
                assert running.is_flowing
                written = [path.read_bytes() for path in stack.run.scratch.rglob("*") if path.is_file()]
                assert not any(SECRET.encode() in content for content in written)
                raise RuntimeError("on purpose")

        with pytest.raises(RuntimeError, match="on purpose"):
            interrupted()
    assert not kept[0].is_flowing
    assert list(stack.run.scratch.iterdir()) == []
    assert [record for record in stack.run.state.open_records() if record.kind == "process"] == []
    assert [one for one in leftovers(stack.run.run_id, stack.run.scratch) if one.startswith("process")] == []


def test_an_interruption_ends_the_generator_at_once(stack_of: Callable[[str], Any]) -> None:
    with serving() as server:
        stack = stack_of(server.url)
        context, _ = stack.context("loadtests/test")
        interruption = Interruption()
        context = replace(context, deadline=Deadline.after(60, interruption))
        kept: list[RunningLoad] = []

        def interrupted() -> None:
            with running_load(context, profile(), context.item_path, 60) as running:
                kept.append(running)
                interruption.set("on purpose")
                running.wait()

        with pytest.raises(Interrupted, match="on purpose"):
            interrupted()
    assert not kept[0].is_flowing


def test_a_locustfile_of_ones_own_lies_beside_the_profile(stack_of: Callable[[str], Any], tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("""
from gonogo.load.users import OpenModelUser

class Mine(OpenModelUser):
    def judge(self, request, body):
        return None, (self.traffic.options["mark"],)
""")
    with serving() as server:
        options = {"with": {"options": {"mark": "mine"}}}
        result = run(stack_of(server.url), profile(users="mine", duration="1s", **options))
    assert {(sample.ok, sample.correct, sample.returned) for sample in result.samples} == {(True, None, ("mine",))}


def test_a_broken_locustfile_is_not_measurable_and_a_missing_one_is_an_error(
    stack_of: Callable[[str], Any], tmp_path: Path
) -> None:
    (tmp_path / "broken.py").write_text("raise SystemExit('this one is broken')\n")
    with serving() as server:
        stack = stack_of(server.url)
        with pytest.raises(NotMeasurable, match="the load generator did not start: exit code 1, this one is broken"):
            run(stack, profile(users="broken.py"))
        with pytest.raises(UsageError, match="nowhere"):
            run(stack, profile(users="nowhere"))
