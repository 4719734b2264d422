"""Services start side by side, each after those that it refers to."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from tests.func.stacks.doubles import FileRun

from gonogo.core.errors import MissingCapability, StackError, UnsupportedStack
from gonogo.spec.stack import StackSpec
from gonogo.stacks.interfaces import Service
from gonogo.stacks.references import References
from gonogo.stacks.services import Declared, declared_services
from gonogo.stacks.started import Started
from gonogo.stacks.starting import start_all


class Named:
    """A service that does nothing."""

    kind = "nothing"

    def __init__(self, name: str) -> None:
        self.name = name

    def is_running(self) -> bool:
        return True

    def log_tail(self, lines: int = 40) -> str:  # noqa: ARG002 - the protocol's
        return ""

    def pids(self) -> tuple[int, ...]:
        return ()


class Starter:
    """Starts services that do nothing, and remembers which ran at the same time."""

    def __init__(self, references: References, fails: dict[str, Exception] | None = None) -> None:
        self.references = references
        self.fails = fails or {}
        self.finished: list[str] = []
        self.side_by_side = 0
        self._going = 0
        self._lock = threading.Lock()

    def __call__(self, one: Declared) -> Started:
        self.references.resolve(one.parameters.environment if one.kind_name == "http" else {})
        with self._lock:
            self._going += 1
            self.side_by_side = max(self.side_by_side, self._going)
        time.sleep(0.05)
        with self._lock:
            self._going -= 1
            self.finished.append(one.name)
        if one.name in self.fails:
            raise self.fails[one.name]
        service: Service = Named(one.name)
        return Started(service=service, close=lambda: None, references={"url": f"at-{one.name}", "url.application": ""})


def declared(folder: Path) -> dict[str, Declared]:
    spec = StackSpec.model_validate({
        "stack": "test",
        "services": {
            "app": {"kind": "http", "command": ["x"], "environment": {"A": "${db.url.application}", "B": "${llm.url}"}},
            "cache": {"kind": "redis", "optional": True},
            "llm": {"kind": "openai_stub"},
            "db": {"kind": "postgres"},
        },
    })  # fmt: skip
    return declared_services(spec, folder / "test.yaml")


def attempt(folder: Path, fails: dict[str, Exception] | None = None) -> tuple[Starter, dict[str, Started], FileRun]:
    run, started = FileRun(folder / "scratch"), dict[str, Started]()
    references = References(folder=folder, secret=lambda value: value)
    starter = Starter(references, fails)
    try:
        start_all(declared(folder), starter, references=references, run=run, started=started)
    except StackError as error:
        starter.fails["raised"] = error
    return starter, started, run


def test_a_service_starts_after_those_it_refers_to_and_beside_the_others(tmp_path: Path) -> None:
    starter, started, _ = attempt(tmp_path)
    assert starter.finished[-1] == "app"
    assert starter.side_by_side == 3
    assert list(started) == list(attempt(tmp_path / "again")[1])


def test_an_optional_service_is_left_out_and_another_one_ends_the_start(tmp_path: Path) -> None:
    starter, started, run = attempt(tmp_path, {"cache": MissingCapability("no redis here")})
    assert set(started) == {"app", "db", "llm"}
    assert run.messages == ["without cache: no redis here"]

    starter, started, _ = attempt(tmp_path / "needed", {"llm": MissingCapability("no Python here")})
    assert isinstance(starter.fails["raised"], UnsupportedStack)
    assert "app" not in started


def test_what_started_beside_a_failure_can_still_be_closed(tmp_path: Path) -> None:
    starter, started, _ = attempt(tmp_path, {"db": StackError("db: it did not start")})
    assert str(starter.fails["raised"]) == "db: it did not start"
    assert set(started) == {"cache", "llm"}


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interruption_is_not_swallowed(tmp_path: Path, error: type[BaseException]) -> None:
    def start(_one: Declared) -> Started:
        raise error

    references = References(folder=tmp_path, secret=lambda value: value)
    with pytest.raises(error):
        start_all(declared(tmp_path), start, references=references, run=FileRun(tmp_path / "s"), started={})
