"""Two runs on one host are never given the same port."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from gonogo.core.errors import StackError
from gonogo.stacks.local import ports
from gonogo.stacks.local.ports import Ports

TAKE_ALL = """
from gonogo.stacks.local import ports
ports.LOWEST, ports.EPHEMERAL = {lowest}, ports.Path("/nonexistent")
ports.random.sample = lambda candidates, count: list(candidates)[:count]
mine = ports.Ports()
print([mine.take() for _ in range(5)], flush=True)
input()
"""


@pytest.fixture
def in_order(monkeypatch: pytest.MonkeyPatch) -> int:
    """Ports are tried in their order, from the one that is returned."""
    monkeypatch.setattr(ports, "LOWEST", 24200)
    monkeypatch.setattr(ports, "EPHEMERAL", Path("/nonexistent"))
    monkeypatch.setattr("random.sample", lambda candidates, count: list(candidates)[:count])
    return 24200


def test_runs_that_look_for_ports_at_the_same_time_are_given_different_ones(in_order: int) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", TAKE_ALL.format(lowest=in_order)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with other:
        assert other.stdout is not None
        theirs = set(map(int, other.stdout.readline().strip("[]\n").split(",")))
        mine = Ports()
        ours = {mine.take() for _ in range(5)}
        other.communicate("\n")

    assert len(theirs) == len(ours) == 5
    assert not theirs & ours


def test_a_port_is_free_again_when_the_run_that_had_it_is_over(in_order: int) -> None:
    first = Ports()
    taken = first.take()
    second = Ports()
    assert second.take() != taken
    del first

    assert Ports().take() == taken
    assert taken >= in_order


def test_a_port_that_somebody_listens_on_is_not_given_away(in_order: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        ports.LOWEST = taken
        assert Ports().take() != taken
    assert in_order


def test_when_every_port_is_taken_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "can_bind", lambda _port: False)

    with pytest.raises(StackError, match="no free port on"):
        Ports().take()
