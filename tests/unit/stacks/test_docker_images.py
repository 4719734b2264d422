"""The mirror map, and which images of a Dockerfile it is about. No engine is needed for that."""

from __future__ import annotations

from pathlib import Path

import pytest

from gonogo.core.errors import UsageError
from gonogo.stacks.docker.images import FROM, mirror_map


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


def test_every_base_of_a_dockerfile_is_found() -> None:
    text = "# FROM not:this\nFROM --platform=linux/amd64 python:3.12-slim AS build\nRUN echo FROM\nfrom build\n"
    assert [at["image"] for at in FROM.finditer(text)] == ["python:3.12-slim", "build"]
