"""pg_receivewal in a container of its own: what it has taken outlives the server that it takes it from."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from gonogo.core.deadline import Deadline
from gonogo.core.errors import DeadlineExceeded, StackTimedOut
from gonogo.stacks.docker.box import Box, Definition
from gonogo.stacks.docker.images import Image
from gonogo.stacks.docker.site import DockerSite
from gonogo.stacks.docker.tools import ourselves
from gonogo.stacks.slot import replication_slot
from gonogo.stacks.sqlserver import SqlServer

RECEIVER_SECONDS = 30.0


@contextmanager
def receiving(
    site: DockerSite, image: Image, server: SqlServer, connection: Mapping[str, str], folder: Path
) -> Iterator[str]:
    """Receive the WAL of `server`, which `connection` reaches in the run's network, into a folder of the scratch one.

    Yields the receiver's application_name once it streams; killed as it stands on leaving. Raises StackError.
    """
    name = f"{server.member}-wal-{secrets.token_hex(3)}"
    with replication_slot(server, name.replace("-", "_")) as slot:
        definition = Definition(
            service=name, image=image.id, entrypoint=["pg_receivewal"], user=ourselves(), task=True,
            command=[f"--directory={folder}", f"--slot={slot}", "--synchronous", "--no-password"],
            environment={**connection, "PGAPPNAME": name}, mounts={str(site.scratch): (str(site.scratch), "rw")},
        )  # fmt: skip
        box = Box(site, definition)
        try:
            box.start()
            try:
                server.await_streaming(name, Deadline.after(RECEIVER_SECONDS))
            except DeadlineExceeded as error:
                raise StackTimedOut(f"{name} does not stream: {error}; {box.log_text(lines=3).strip()}") from error
            yield name
        finally:
            box.remove()
