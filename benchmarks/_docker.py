"""Looking at a Docker engine with its own client."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from gonogo.stacks.docker.templates import OWNER, TEMPLATE, owner_of

NAMELESS = re.compile(r"[0-9a-f]{64}")
CALL_SECONDS = 60


def docker(*words: str) -> str:
    """What the client prints. Raises CalledProcessError."""
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=True, timeout=CALL_SECONDS)
    return done.stdout.strip()


def anonymous_volumes() -> frozenset[str]:
    """Volumes without a name that no container has."""
    names = docker("volume", "ls", "--quiet", "--filter", "dangling=true").split()
    return frozenset(name for name in names if NAMELESS.fullmatch(name))


def templates(cache: Path) -> list[tuple[str, bool]]:
    """The volumes of the templates that a cache knows of, and whether each is finished."""
    shown = docker(
        "volume",
        "ls",
        "--filter",
        f"label={OWNER}={owner_of(cache)}",
        "--format",
        f'{{{{.Name}}}} {{{{.Label "{TEMPLATE}"}}}}',
    )
    pairs = [line.split() for line in shown.splitlines()]
    return [(name, (cache / "docker" / "templates" / key).is_dir()) for name, key in pairs]


def remove_templates(cache: Path) -> None:
    """Remove the volumes of the templates that a cache knows of."""
    if names := [name for name, _ in templates(cache)]:
        docker("volume", "rm", *names)
