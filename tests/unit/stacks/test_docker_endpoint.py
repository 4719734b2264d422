"""Which engine is asked, and what is said when it does not answer. No engine is needed for that."""

from __future__ import annotations

import hashlib
import json
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gonogo.core.errors import StackError
from gonogo.stacks.docker.endpoint import endpoint, reach


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of Docker's client, and an environment that names no engine."""
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return tmp_path


@pytest.fixture
def listening() -> Iterator[str]:
    """A socket that somebody listens on; its path must be short."""
    with tempfile.TemporaryDirectory(dir="/tmp") as place, socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{place}/s")
        server.listen()
        yield f"unix://{place}/s"


def make_context(folder: Path, name: str, address: str) -> None:
    meta = folder / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest()
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text(json.dumps({"Name": name, "Endpoints": {"docker": {"Host": address}}}))


def test_nobody_names_one() -> None:
    assert endpoint().address == "unix:///var/run/docker.sock"
    assert "neither DOCKER_HOST nor a docker context" in endpoint().words


def test_the_context_in_use_is_asked_and_named(folder: Path, monkeypatch: pytest.MonkeyPatch, listening: str) -> None:
    make_context(folder, "work", listening)
    (folder / "config.json").write_text(json.dumps({"currentContext": "work"}))
    assert endpoint().words == f"{listening} (docker context 'work', of {folder}/config.json)"
    reach(endpoint())
    monkeypatch.setenv("DOCKER_HOST", listening)  # as testcontainers does it for this process
    assert "docker context 'work'" in endpoint().words
    monkeypatch.setenv("DOCKER_CONTEXT", "default")
    monkeypatch.delenv("DOCKER_HOST")
    assert endpoint().address == "unix:///var/run/docker.sock"


def test_the_environment_decides_over_the_configuration(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_context(folder, "work", "unix:///work.sock")
    make_context(folder, "other", "unix:///other.sock")
    (folder / "config.json").write_text(json.dumps({"currentContext": "work"}))
    monkeypatch.setenv("DOCKER_CONTEXT", "other")
    assert endpoint().words == "unix:///other.sock (docker context 'other', DOCKER_CONTEXT)"
    monkeypatch.setenv("DOCKER_HOST", "unix:///host.sock")
    assert endpoint().words == "unix:///host.sock (DOCKER_HOST)"


def test_a_context_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONTEXT", "nowhere")
    with pytest.raises(StackError, match=r"there is no docker context 'nowhere' \(DOCKER_CONTEXT\)"):
        endpoint()


def test_a_broken_configuration_is_named(folder: Path) -> None:
    (folder / "config.json").write_text("{")
    with pytest.raises(StackError, match=r"config\.json cannot be read"):
        endpoint()


@pytest.mark.parametrize("address", ["unix:///nowhere/docker.sock", "tcp://127.0.0.1:9"])
def test_one_that_does_not_answer_is_named(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", address)
    with pytest.raises(StackError, match=rf"no Docker engine answers at {address} \(DOCKER_HOST\): "):
        reach(endpoint())


@pytest.mark.parametrize("address", ["tcp://ci.example:2375", "ssh://somebody@build.example", "tcp://192.0.2.1:2375"])
def test_one_of_another_machine_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", address)
    with pytest.raises(StackError, match="is not one of this machine: gonogo publishes ports on 127"):
        reach(endpoint())
