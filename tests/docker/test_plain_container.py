"""A container that gonogo knows nothing of: started, reached, ended; one that does not answer says so."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from tests.func.conftest import running

from gonogo.core.errors import StackError
from gonogo.stacks.services.redis import answers_ping

QUEUE = {"kind": "container", "image": "redis:7", "command": ["redis-server", "--port", "7000"], "port": 7000}


def stack_file(folder: Path, **changes: object) -> str:
    """A stack of one plain container."""
    path = folder / "stack.yaml"
    objectives = {"rto": "5min", "rpo": "25h", "search_p95": "300ms", "error_rate": "1%"}
    service = {**QUEUE, **changes}
    path.write_text(yaml.safe_dump({"stack": "plain", "services": {"queue": service}, "objectives": objectives}))
    return str(path)


def test_a_plain_container_is_started_reached_and_ended(engine: object, tmp_path: Path) -> None:
    with running(tmp_path / "run", runtime="docker", stack=stack_file(tmp_path)) as found:
        port = int(found.stack.references["queue.port"])
        assert answers_ping(port)
        assert found.stack.references["queue.url"] == f"http://127.0.0.1:{port}"
    assert not answers_ping(port)


def test_a_container_that_does_not_listen_where_it_should_says_so(engine: object, tmp_path: Path) -> None:
    stack = stack_file(tmp_path, port=7001, start_timeout="1s")
    with pytest.raises(StackError, match=r"services\.queue: time limit reached: queue answers"):
        running(tmp_path / "run", runtime="docker", stack=stack).__enter__()
