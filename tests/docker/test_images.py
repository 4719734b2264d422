"""Images: the mirror map, and what happens when one cannot be had."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gonogo.core.deadline import Deadline
from gonogo.core.errors import StackError, UsageError
from gonogo.stacks.docker.engine import RUN, remove_run
from gonogo.stacks.docker.images import Images, mirror_map

if TYPE_CHECKING:
    from docker import DockerClient

pytestmark = pytest.mark.docker


def test_the_map_comes_from_the_named_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "images.yaml"
    path.write_text('images: {"redis:7": "mirror/redis:7"}\n')
    monkeypatch.setenv("GONOGO_IMAGES", str(path))
    assert mirror_map() == {"redis:7": "mirror/redis:7"}


def test_the_map_comes_from_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GONOGO_IMAGES", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert mirror_map() == {}
    (tmp_path / "gonogo").mkdir()
    (tmp_path / "gonogo" / "config.yaml").write_text("images:\n  redis:7: mirror/redis:7\n")
    assert mirror_map() == {"redis:7": "mirror/redis:7"}


@pytest.mark.parametrize("text", ["images: [redis]", "images: {redis: 7}", "- redis", "images: {redis"])
def test_a_map_of_another_form_is_refused(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "images.yaml"
    path.write_text(text)
    monkeypatch.setenv("GONOGO_IMAGES", str(path))
    with pytest.raises(UsageError, match=r"images\.yaml"):
        mirror_map()


def test_a_named_file_that_is_missing_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GONOGO_IMAGES", str(tmp_path / "nowhere.yaml"))
    with pytest.raises(UsageError, match="does not exist"):
        mirror_map()


def test_an_image_that_cannot_be_had_is_a_clear_error(engine: DockerClient) -> None:
    images = Images(engine, {"redis:7": "127.0.0.1:9/redis:7"}, lambda _: None)
    with pytest.raises(StackError, match=r"127\.0\.0\.1:9/redis:7 is not on this machine .* GONOGO_IMAGES"):
        images.find("redis:7", Deadline.after(60))


def test_a_build_starts_from_the_replacement(engine: DockerClient, tmp_path: Path) -> None:
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "Dockerfile").write_text('FROM official/base:1 AS first\nCMD ["true"]\nFROM first\nEXPOSE 7\n')
    (base,) = {one for one in mirror_map().values() if "python" in one} or {"python:3.12-slim"}
    images = Images(engine, {"official/base:1": base}, lambda _: None)
    run_id = "test-of-a-build"
    try:
        built = images.build(folder, name="test", scratch=tmp_path, deadline=Deadline.after(120), only_for_run=run_id)
        assert (built.command, built.ports) == (("true",), (7,))
        assert engine.images.get(built.id).labels[RUN] == run_id
        assert not engine.images.list(name="official/base")  # nobody else's engine is lied to
    finally:
        remove_run(engine, run_id)
