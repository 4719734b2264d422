"""JSON schemas of every YAML file, for completion in editors."""

from __future__ import annotations

import json
from pathlib import Path

from gonogo.spec.base import Spec
from gonogo.spec.stack import StackSpec
from gonogo.spec.suite import PolicySpec, SuiteSpec
from gonogo.spec.verification import ChaosSpec, CheckSpec, DrillSpec, LoadSpec

MODELS: dict[str, type[Spec]] = {
    "stack": StackSpec,
    "suite": SuiteSpec,
    "policy": PolicySpec,
    "check": CheckSpec,
    "load": LoadSpec,
    "chaos": ChaosSpec,
    "drill": DrillSpec,
}


def schema_text(name: str) -> str:
    """The JSON schema of one kind of file."""
    schema = MODELS[name].model_json_schema(by_alias=True)
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2) + "\n"


def write_schemas(folder: Path) -> list[Path]:
    """Write all schemas below `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name in MODELS:
        path = folder / f"{name}.schema.json"
        path.write_text(schema_text(name))
        paths.append(path)
    return paths
