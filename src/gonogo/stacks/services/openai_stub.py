"""The stand-in for an OpenAI-compatible service; it can be told to be slow or to fail."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from pydantic import Field

from gonogo.spec.base import Spec
from gonogo.stacks import openai_stub
from gonogo.stacks.docker.box import Definition
from gonogo.stacks.docker.container import UNLIMITED, ContainerSpec
from gonogo.stacks.docker.site import DockerSite
from gonogo.stacks.docker.web import EVERY_ADDRESS, DockerHttp, Life
from gonogo.stacks.local.site import Site
from gonogo.stacks.local.web import HOST, LocalHttp, Program
from gonogo.stacks.services import Declared
from gonogo.stacks.started import Started

INSIDE = "/openai_stub.py"
PORT = 8000
NOBODY = "65534:65534"


class OpenaiStubParameters(Spec):
    """Keys of an openai_stub service. `behaviour`: as its control endpoint takes it, e.g. latency_seconds."""

    image: str = "python:3.12-slim"  # docker: any with Python 3.11 or later
    container: ContainerSpec = UNLIMITED  # docker
    behaviour: dict[str, float | int | bool] = Field(default_factory=dict)


class OpenaiStubKind:
    """A service kind."""

    parameters = OpenaiStubParameters

    def embedded(self, declared: Declared, site: Site) -> Started:
        """Start it as a child process."""
        command = ["python", "-m", "gonogo.stacks.openai_stub", "--host", HOST, "--port", "{port}"]
        if declared.parameters.behaviour:
            command += ["--settings", json.dumps(declared.parameters.behaviour)]
        program = Program(
            command=command, folder=Path("/"), environment={}, ready="/health", start_seconds=30, stop_grace_seconds=2
        )
        service = LocalHttp(name=declared.name, kind=declared.kind_name, program=program, site=site)
        service.start(site.deadline)
        return Started(service=service, close=service.close, references={"url": service.url})

    def docker(self, declared: Declared, site: DockerSite) -> Started:
        """Start its one file in a container of a Python image."""
        program = site.scratch / f"{declared.name}.py"
        shutil.copyfile(openai_stub.__file__, program)
        program.chmod(0o644)
        command = ["python3", INSIDE, "--host", EVERY_ADDRESS, "--port", str(PORT)]
        if declared.parameters.behaviour:
            command += ["--settings", json.dumps(declared.parameters.behaviour)]
        image = site.images.find(declared.parameters.image, site.deadline, declared.parameters.container.pull)
        definition = Definition(
            service=declared.name, image=image.id, command=command, port=PORT, alias=declared.name, user=NOBODY,
            mounts={str(program): (INSIDE, "ro")}, container=declared.parameters.container, folder=declared.folder,
        )  # fmt: skip
        life = Life(ready="/health", start_seconds=30, stop_grace_seconds=2)
        service = DockerHttp(name=declared.name, kind=declared.kind_name, site=site, definition=definition, life=life)
        service.start(site.deadline)
        return Started(
            service=service, close=service.close, references=service.inside, outside=service.outside,
            image=image.evidence,
        )  # fmt: skip


SERVICE = OpenaiStubKind()
