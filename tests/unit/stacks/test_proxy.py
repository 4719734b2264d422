"""The delaying proxy, on real sockets."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from gonogo.stacks.proxy import DelayingProxy

DELAY_SECONDS = 0.2


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        yield server


@pytest.fixture
def proxy(listener: socket.socket) -> Iterator[DelayingProxy]:
    proxy = DelayingProxy(listener.getsockname()[1], DELAY_SECONDS)
    yield proxy
    proxy.close()


def connected(proxy: DelayingProxy, listener: socket.socket) -> tuple[socket.socket, socket.socket]:
    client = socket.create_connection(("127.0.0.1", proxy.port), timeout=5)
    target, _ = listener.accept()
    target.settimeout(5)
    return client, target


def test_what_the_target_sends_arrives_later_and_complete(proxy: DelayingProxy, listener: socket.socket) -> None:
    client, target = connected(proxy, listener)
    with client, target:
        sent_at = time.monotonic()
        target.sendall(b"x" * 300_000)
        target.shutdown(socket.SHUT_WR)
        first = client.recv(1)
        assert time.monotonic() - sent_at >= DELAY_SECONDS
        received = len(first)
        while data := client.recv(65_536):
            received += len(data)
        assert received == 300_000


def test_what_the_client_sends_is_not_delayed(proxy: DelayingProxy, listener: socket.socket) -> None:
    client, target = connected(proxy, listener)
    with client, target:
        sent_at = time.monotonic()
        client.sendall(b"hello")
        assert target.recv(5) == b"hello"
        assert time.monotonic() - sent_at < DELAY_SECONDS


def test_a_cut_loses_what_is_under_way(proxy: DelayingProxy, listener: socket.socket) -> None:
    client, target = connected(proxy, listener)
    with client, target:
        target.sendall(b"acknowledged, and never seen")
        time.sleep(DELAY_SECONDS / 4)
        proxy.cut()
        try:
            received = client.recv(100)
        except ConnectionResetError:
            received = b""
        assert received == b""


def test_after_a_cut_nobody_gets_through(proxy: DelayingProxy) -> None:
    proxy.cut()
    proxy.cut()

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", proxy.port), timeout=2)
