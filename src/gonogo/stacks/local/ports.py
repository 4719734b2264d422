"""Free ports on 127.0.0.1."""

from __future__ import annotations

import random
import socket
from pathlib import Path

from gonogo.core.errors import StackError

LOWEST = 15000
EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
TRIES = 200


def free_port(used: set[int]) -> int:
    """A port nobody listens on, not in `used`, added to it.

    Below the ephemeral range: else an outgoing connection could take the port of a server while it is down.
    """
    highest = int(EPHEMERAL.read_text().split()[0]) if EPHEMERAL.exists() else 32768
    candidates = range(LOWEST, max(highest, LOWEST + 1000))
    for port in random.sample(candidates, min(TRIES, len(candidates))):
        if port not in used and can_bind(port):
            used.add(port)
            return port
    raise StackError(f"no free port on 127.0.0.1 between {candidates.start} and {candidates.stop}")


def can_bind(port: int) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: TIME_WAIT is no obstacle
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
