"""A restart by somebody's command is believed only where the application says itself that it is another process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.stacks.http_server import Reply, Server

from gonogo.core.deadline import Deadline
from gonogo.core.errors import NotMeasurable
from gonogo.spec.hook import HookSpec
from gonogo.stacks.external.access import Access
from gonogo.stacks.external.hooks import Hooks
from gonogo.stacks.external.web import ExternalHttp


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def restart(server: Server, folder: Path, *started: str | None) -> None:
    """Restart an application whose metrics tell these start times, one after the other; None: they are gone."""
    told = iter(started)

    def reply(asked: Any) -> Reply:
        if asked.path != "/metrics":
            return 200, {}, b""
        seconds = next(told)
        return (404, {}, b"") if seconds is None else (200, {}, f"process_start_time_seconds {seconds}\n".encode())

    server.reply = reply
    hooks = Hooks(
        specs={"restart_application": HookSpec(command=("true",))}, stack_path=folder / "stack.yaml", run_id="",
        resolve=lambda value: value, access=Access(destructive=True),
    )  # fmt: skip
    ExternalHttp("app", f"http://127.0.0.1:{server.server_port}", None, None, hooks).restart(Deadline.after(20))


def test_another_start_time_is_the_proof(server: Server, tmp_path: Path) -> None:
    restart(server, tmp_path, "1.0", "2.0")


@pytest.mark.parametrize(
    ("started", "said"),
    [(("1.0", "1.0"), "its process is the same"), (("1.0", None), "no longer tell"), ((None,), "no restart can be")],
)
def test_anything_else_proves_nothing(
    server: Server, tmp_path: Path, started: tuple[str | None, ...], said: str
) -> None:
    with pytest.raises(NotMeasurable, match=said):
        restart(server, tmp_path, *started)
