"""The Docker engine: how it is reached, and how everything of a run is found there again."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from gonogo.core.errors import StackError
from gonogo.stacks.docker.endpoint import HOST, NO_ANSWER, endpoint, reach

if TYPE_CHECKING:
    from docker import DockerClient

RUN = "org.gonogo.run"  # labels of everything that a run makes
SERVICE = "org.gonogo.service"
INSTALL = "install gonogo[docker]"
CALL_SECONDS = 60
HANDS = 8  # removals at a time: each is a few hundred milliseconds of the engine's waiting
QUIET_SECONDS = 0.5  # what a killed run had just asked for may appear this much later
LAST_LOOK_SECONDS = 20.0

# Our labels, undo records and watchdog are the reaper. Ryuk is one more image to have and gets the engine's socket:
# it is there for those who ask (TESTCONTAINERS_RYUK_DISABLED=false), and then ends what the watchdog would end.
# `/.dockerenv` makes testcontainers believe that ports are published elsewhere.
SETTINGS = {
    "TESTCONTAINERS_HOST_OVERRIDE": "127.0.0.1",
    "TESTCONTAINERS_CONNECTION_MODE": "docker_host",
    "TESTCONTAINERS_RYUK_DISABLED": "true",
}


def problem() -> str | None:
    """None when containers can be run here, else one sentence that says what to do."""
    if not (find_spec("docker") and find_spec("testcontainers")):
        return f"the Docker SDK is not installed: {INSTALL}"
    try:
        connect(seconds=5).close()
    except StackError as error:
        remedy = ": start Docker, or let DOCKER_HOST name an engine of this machine"
        return f"{error}{remedy if str(error).startswith(NO_ANSWER) else ''}"
    return None


def connect(*, seconds: int | None = CALL_SECONDS) -> DockerClient:
    """A client of the engine that answers; None waits for ever for an answer. Raises StackError that names it."""
    if not (find_spec("docker") and find_spec("testcontainers")):
        raise StackError(f"the Docker SDK is not installed: {INSTALL}")
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)  # testcontainers reads them when it is imported
    import docker  # noqa: PLC0415 - an extra: nothing but this runtime may need it

    asked = endpoint()
    reach(asked)
    with speaking(f"{NO_ANSWER} at {asked.words}"):
        client = docker.from_env(
            timeout=seconds,  # type: ignore[arg-type]  # None is what requests takes for ever
            environment={**os.environ, HOST: asked.address},
        )
        try:
            client.ping()
        except BaseException:
            client.close()
            raise
    return client


def labels_of(run_id: str, service: str = "") -> dict[str, str]:
    """What everything that a run makes carries."""
    return {RUN: run_id} | ({SERVICE: service} if service else {})


def ryuk_labels() -> dict[str, str]:
    """What Ryuk, where somebody wants it, finds networks and volumes by; containers have it from testcontainers."""
    from testcontainers.core.config import testcontainers_config  # noqa: PLC0415 - see connect
    from testcontainers.core.labels import LABEL_SESSION_ID, SESSION_ID  # noqa: PLC0415 - see connect

    return {} if testcontainers_config.ryuk_disabled else {LABEL_SESSION_ID: SESSION_ID}


@contextmanager
def speaking(what: str) -> Iterator[None]:
    """Turn what the engine answers, or that it does not, into a StackError that begins with `what`."""
    from docker.errors import DockerException  # noqa: PLC0415 - see connect
    from requests.exceptions import RequestException  # noqa: PLC0415 - see connect

    try:
        yield
    except (DockerException, RequestException) as error:
        raise StackError(f"{what}: {words(error)}") from error


def words(error: Exception) -> str:
    """What the engine said, in one line."""
    return " ".join(str(getattr(error, "explanation", None) or error).split())


def remove_run(client: DockerClient, run_id: str) -> None:
    """Remove every container, network, volume and image of a run. Idempotent. Raises StackError."""
    label: dict[str, Any] = {"label": f"{RUN}={run_id}"}
    with speaking(f"what run {run_id} left in Docker could not be removed"):
        containers = client.containers.list(all=True, filters=label, ignore_removed=True)
        _together([partial(one.remove, force=True, v=True) for one in containers])
        _together([one.remove for one in client.networks.list(filters=label)])
        _together([partial(one.remove, force=True) for one in client.volumes.list(filters=label)])
        images = client.api.images(all=True, filters=label)
        _together([partial(client.images.remove, one["Id"], force=True) for one in images])


def remove_all(client: DockerClient, run_id: str) -> None:
    """Remove everything of a run until nothing is left and nothing comes any more. Raises StackError.

    A request of a run that was killed can still be at work in the engine: its container appears after the first look.
    """
    limit = time.monotonic() + LAST_LOOK_SECONDS
    while True:
        remove_run(client, run_id)
        time.sleep(QUIET_SECONDS)
        left = leftovers(client, run_id)
        if not left:
            return
        if time.monotonic() > limit:
            raise StackError(f"still in Docker: {', '.join(left)}")


def leftovers(client: DockerClient, run_id: str) -> list[str]:
    """What is there of a run, one phrase each."""
    label: dict[str, Any] = {"label": f"{RUN}={run_id}"}
    # The listings themselves: the SDK's objects ask once more for each, which fails for one that goes meanwhile.
    with speaking("Docker cannot be asked"):
        found = [("container", one["Names"][0].lstrip("/")) for one in client.api.containers(all=True, filters=label)]
        found += [("network", one["Name"]) for one in client.api.networks(filters=label)]
        found += [("volume", one["Name"]) for one in client.api.volumes(filters=label)["Volumes"] or ()]
        found += [("image", one["Id"]) for one in client.api.images(all=True, filters=label)]
    return [f"{kind} {name}" for kind, name in found]


def _together(removals: list[Callable[[], Any]]) -> None:
    from docker.errors import NotFound  # noqa: PLC0415 - see connect

    def remove(removal: Callable[[], Any]) -> None:
        with suppress(NotFound):  # somebody else was quicker
            removal()

    with ThreadPoolExecutor(HANDS, thread_name_prefix="gonogo-docker") as pool:
        list(pool.map(remove, removals))
