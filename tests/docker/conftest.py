"""Tests that need a Docker engine: skipped with the reason where there is none, failed where there must be one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from tests.func.conftest import Running, running

from gonogo.stacks.docker.engine import connect, problem

if TYPE_CHECKING:
    from docker import DockerClient

REQUIRED = "GONOGO_REQUIRE_DOCKER"


@pytest.fixture(scope="session")
def engine() -> Iterator[DockerClient]:
    """A client of the engine, for looking at what gonogo made there."""
    if reason := problem():
        if os.environ.get(REQUIRED) == "1":
            pytest.fail(f"{REQUIRED} is set, and {reason}")
        pytest.skip(reason)
    client = connect()
    yield client
    client.close()


@pytest.fixture(scope="module")
def docker_stack(engine: DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The reference stack in containers, for tests that leave it working."""
    with running(tmp_path_factory.mktemp("docker") / "run", runtime="docker") as found:
        yield found
