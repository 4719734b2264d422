"""Whatever is made in Docker carries a label and publishes on 127.0.0.1 only: every call that makes something."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import gonogo

ROOT = Path(gonogo.__file__).parent
MAKERS = {("networks", "create"), ("volumes", "create"), ("images", "build"), ("containers", "create"),
          ("containers", "run")}  # fmt: skip
COMPOSE = "stacks/compose/"  # what Compose makes has its labels and ports from the rewritten project: tested there


def calls() -> Iterator[tuple[str, ast.Call]]:
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                yield path.relative_to(ROOT).as_posix(), node


def made(call: ast.Call) -> tuple[str, str] | None:
    """What an SDK's client is asked to make: `client.volumes.create(…)`."""
    *_, client, things, verb = ["", "", "", *ast.unparse(call.func).split(".")]
    return (things, verb) if client.removeprefix("_") == "client" else None


def test_networks_volumes_and_images_are_made_with_labels() -> None:
    found = [(path, call) for path, call in calls() if made(call) in MAKERS and not path.startswith(COMPOSE)]
    assert {made(call) for _, call in found} == {
        ("networks", "create"), ("volumes", "create"), ("images", "build"), ("containers", "create"),
    }  # fmt: skip
    unlabelled = [path for path, call in found if "labels" not in {one.arg for one in call.keywords}]
    assert unlabelled == []


def test_a_container_that_is_made_for_its_files_is_never_started() -> None:
    places = {path for path, call in calls() if made(call) == ("containers", "create")}
    assert places == {"stacks/docker/programs.py"}
    assert ".start(" not in (ROOT / "stacks/docker/programs.py").read_text()


def test_containers_are_made_in_one_place_which_publishes_on_loopback() -> None:
    places = [path for path, call in calls() if getattr(call.func, "id", "") == "DockerContainer"]
    assert places == ["stacks/docker/box.py"]
    text = (ROOT / places[0]).read_text()
    assert 'HOST = "127.0.0.1"' in text
    assert 'f"{definition.port}/tcp": (HOST, port)' in text
    assert '"labels": labels_of(' in text
