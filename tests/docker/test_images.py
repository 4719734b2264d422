"""Images that an engine has, lacks, or builds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gonogo.core.deadline import Deadline
from gonogo.core.errors import StackError
from gonogo.stacks.docker.engine import RUN, remove_run
from gonogo.stacks.docker.images import Images, mirror_map

if TYPE_CHECKING:
    from docker import DockerClient

pytestmark = pytest.mark.docker


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
