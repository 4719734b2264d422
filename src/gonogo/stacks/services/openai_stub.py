"""The stand-in for an OpenAI-compatible service; it can be told to be slow or to fail."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import Field

from gonogo.spec.base import Spec
from gonogo.stacks.local.site import Site
from gonogo.stacks.local.web import HOST, LocalHttp, Program
from gonogo.stacks.services import Declared
from gonogo.stacks.started import Started


class OpenaiStubParameters(Spec):
    """Keys of an openai_stub service. `behaviour`: as its control endpoint takes it, e.g. latency_seconds."""

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


SERVICE = OpenaiStubKind()
