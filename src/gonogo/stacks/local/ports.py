"""Free ports on 127.0.0.1, each for one run alone."""

from __future__ import annotations

import os
import random
import socket
import weakref
from contextlib import suppress
from pathlib import Path

from gonogo.core.errors import StackError

LOWEST = 15000
EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
TRIES = 200
CLAIM = "\0gonogo-port-{port}"  # an abstract socket: as long-lived as its process, in the same network as the port


class Ports:
    """The ports of one run. No other run of this host is given one of them before this one has ended.

    Between the look and the server's bind, and while a server is down, nobody listens on a port: so each is claimed.
    """

    def __init__(self) -> None:
        self._claims: list[int] = []  # file descriptors
        weakref.finalize(self, _close, self._claims)

    def take(self) -> int:
        """A port nobody listens on and no run has.

        Below the ephemeral range: else an outgoing connection could take the port of a server while it is down.
        """
        highest = int(EPHEMERAL.read_text().split()[0]) if EPHEMERAL.exists() else 32768
        candidates = range(LOWEST, max(highest, LOWEST + 1000))
        for port in random.sample(candidates, min(TRIES, len(candidates))):
            claim = _claim(port)
            if claim is None:
                continue
            if can_bind(port):
                self._claims.append(claim)
                return port
            os.close(claim)
        raise StackError(f"no free port on 127.0.0.1 between {candidates.start} and {candidates.stop}")


def _claim(port: int) -> int | None:
    """The descriptor that holds the claim, None where somebody has it."""
    held = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        held.bind(CLAIM.format(port=port))
    except OSError:
        held.close()
        return None
    return held.detach()


def _close(claims: list[int]) -> None:
    for claim in claims:
        with suppress(OSError):
            os.close(claim)


def can_bind(port: int) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: TIME_WAIT is no obstacle
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
