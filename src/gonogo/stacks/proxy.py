"""A TCP proxy that delays one direction and loses what is in flight when it is cut.

On one host nothing is ever in flight for long, and SIGKILL leaves socket buffers to be delivered, so asynchronous
replication looks lossless. A standby that follows its primary through this proxy loses what a network would lose.
"""

from __future__ import annotations

import queue
import socket
import struct
import threading
import time
from contextlib import suppress

HOST = "127.0.0.1"
CHUNK_BYTES = 65_536
CONNECT_SECONDS = 5.0
JOIN_SECONDS = 5.0
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with RST, unsent data is dropped


class DelayingProxy:
    """Listens on a port of its own and forwards to `target_port`; what the target sends arrives `delay_seconds` later.

    Starts at once. `cut` ends it like a pulled cable: nothing more arrives, nothing more is accepted. Idempotent.
    """

    def __init__(self, target_port: int, delay_seconds: float) -> None:
        self.delay_seconds = delay_seconds
        self._target_port = target_port
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self._is_cut = threading.Event()
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._guard = threading.Lock()
        self._start(self._accept)

    def cut(self) -> None:
        """Drop every connection and all that is under way."""
        with self._guard:
            self._is_cut.set()
            sockets, self._sockets = self._sockets, []
        for one in (self._listener, *sockets):
            with suppress(OSError):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits on it
            one.close()

    def close(self) -> None:
        """Cut it and wait for its threads."""
        self.cut()
        for thread in self._threads:
            thread.join(JOIN_SECONDS)

    def _start(self, work: object, *arguments: object) -> None:
        assert callable(work)
        thread = threading.Thread(target=work, args=arguments, name="delaying-proxy", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._is_cut.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                target = socket.create_connection((HOST, self._target_port), timeout=CONNECT_SECONDS)
            except OSError:
                client.close()  # as refused, a little later
                continue
            target.settimeout(None)
            if not self._keep(client, target):
                return
            delayed: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
            self._start(self._forward, client, target)
            self._start(self._receive, target, delayed)
            self._start(self._deliver, delayed, client)

    def _keep(self, *sockets: socket.socket) -> bool:
        """Remember sockets to be cut; False, and they are closed, when the proxy is cut already."""
        with self._guard:
            if not self._is_cut.is_set():
                self._sockets.extend(sockets)
                return True
        for one in sockets:
            one.close()
        return False

    def _forward(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK_BYTES):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def _receive(self, source: socket.socket, delayed: queue.SimpleQueue[tuple[float, bytes]]) -> None:
        data = b"-"
        while data:
            try:
                data = source.recv(CHUNK_BYTES)
            except OSError:
                data = b""
            delayed.put((time.monotonic() + self.delay_seconds, data))

    def _deliver(self, delayed: queue.SimpleQueue[tuple[float, bytes]], target: socket.socket) -> None:
        with suppress(OSError):
            while True:
                due, data = delayed.get()
                if self._is_cut.wait(max(0.0, due - time.monotonic())):
                    return
                if not data:
                    target.shutdown(socket.SHUT_WR)
                    return
                target.sendall(data)
