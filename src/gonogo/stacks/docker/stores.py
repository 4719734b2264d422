"""The data of a store in a volume: copied to this host, and put into the volume of another one."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from gonogo.core.errors import StackError
from gonogo.stacks.docker.box import Definition, run_to_end
from gonogo.stacks.docker.restored import MOVING
from gonogo.stacks.interfaces import LOADING

if TYPE_CHECKING:
    from gonogo.stacks.docker.images import Image
    from gonogo.stacks.docker.site import DockerSite
    from gonogo.stacks.interfaces import StoreRequest

FROM, TO = "/from", "/to"
ROOT = "0:0"
SHOWN = 500


def copy_out(site: DockerSite, image: Image, volume: str, relative: str, target: Path) -> None:
    """Copy a file or folder of a volume to a path of this host that is not there yet. Raises StackError."""
    target.parent.mkdir(parents=True, exist_ok=True)
    source, made = shlex.quote(f"{FROM}/{relative}"), shlex.quote(f"{TO}/{target.name}")
    script = f"cp -a {source} {made} && chown -R {os.getuid()}:{os.getgid()} {made}"
    _run(site, image, script, {volume: (FROM, "ro"), str(target.parent): (TO, "rw")})


def put_in(site: DockerSite, image: Image, folder: Path, volume: str) -> None:
    """Fill a volume with what a folder of this host holds, for whoever owns the volume. Raises StackError."""
    script = f"owner=$(stat -c %u:%g {TO}) && cp -a {FROM}/. {TO}/ && chown -R $owner {TO}"
    _run(site, image, script, {str(folder): (FROM, "ro"), volume: (TO, "rw")})


def filled(site: DockerSite, image: Image, volume: str, request: StoreRequest) -> None:
    """Restored here, where gonogo may look at the files, then moved to where the engine keeps data.

    Raises what `request.fill` does, StackError.
    """
    folder = site.scratch / f"{volume}.data"
    folder.mkdir()
    try:
        request.fill(folder)
        request.phase(MOVING)
        put_in(site, image, folder, volume)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    request.phase(LOADING)


def _run(site: DockerSite, image: Image, script: str, mounts: dict[str, tuple[str, str]]) -> None:
    definition = Definition(
        service="copy", image=image.id, entrypoint=["sh"], command=["-c", script], user=ROOT, mounts=mounts
    )
    code, output = run_to_end(site, definition, site.deadline)
    if code:
        raise StackError(f"the files of a store cannot be copied: {' '.join(output.split())[-SHOWN:]}")
