"""What a Dockerfile says of the container that it makes. Only the last stage counts: the others are thrown away."""

from __future__ import annotations

import re
from dataclasses import dataclass

CONTINUED = re.compile(r"\\[ \t]*\n")
COMMENT = re.compile(r"^\s*#.*\n?", re.MULTILINE)
FROM = re.compile(r"^(?:--\S+\s+)*(?P<image>\S+)(?:\s+AS\s+(?P<stage>\S+))?\s*$", re.IGNORECASE)
ROOT = ("root", "0")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerFacts:
    """`user` is None where only the base image or a build argument decides it."""

    user: str | None
    health_check: bool
    unpinned_images: tuple[str, ...]
    stages: int

    @property
    def ordinary_user(self) -> bool | None:
        """Whether the process runs as somebody else than root; None where the file does not say."""
        return None if self.user is None else self.user.partition(":")[0] not in ROOT


def read_dockerfile(text: str) -> ContainerFacts:
    """Read a Dockerfile. Without a USER the container runs as root, unless an earlier stage is the base.

    >>> read_dockerfile("FROM python:3.12 AS base\\nUSER app\\nFROM base\\nUSER root\\n").user
    'root'
    """
    user: str | None = "root"
    health_check = False
    images: list[str] = []
    stages: dict[str, tuple[str | None, bool]] = {}
    stage = ""
    for keyword, rest in _instructions(text):
        if keyword == "FROM":
            match = FROM.match(rest)
            image = match["image"] if match else rest
            stage = (match["stage"] or "").lower() if match else ""
            user, health_check = stages.get(image.lower(), ("root", False))
            if image.lower() not in stages:
                images.append(image)
        elif keyword == "USER":
            user = None if "$" in rest else rest.strip("\"'")
        elif keyword == "HEALTHCHECK":
            health_check = rest.upper() != "NONE"
        stages[stage] = user, health_check
    unpinned = tuple(image for image in dict.fromkeys(images) if not is_pinned(image))
    return ContainerFacts(user=user, health_check=health_check, unpinned_images=unpinned, stages=len(images))


def _instructions(text: str) -> list[tuple[str, str]]:
    lines = CONTINUED.sub(" ", COMMENT.sub("", text.replace("\r\n", "\n"))).splitlines()
    words = [line.strip().partition(" ") for line in lines if line.strip()]
    return [(keyword.upper(), rest.strip()) for keyword, _, rest in words]


def is_pinned(image: str) -> bool:
    """Whether an image's name says which version it is.

    >>> [is_pinned(name) for name in ("python", "python:latest", "host:5000/python", "python:3.12", "a@sha256:0f")]
    [False, False, False, True, True]
    >>> is_pinned("scratch"), is_pinned("$BASE")
    (True, False)
    """
    if image == "scratch" or "@sha256:" in image:
        return True
    tag = image.rpartition("/")[2].partition(":")[2]
    return tag not in {"", "latest"} and "$" not in tag
