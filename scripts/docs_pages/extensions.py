"""docs/reference/extensions.md: probes, faults, drill methods, runtimes, kinds of service, report formats."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from docs_pages.parameters import described, keys_of
from docs_pages.text import NOTICE, prose
from gonogo.core.registry import Registry
from gonogo.drills import METHODS
from gonogo.drills.stores import STORE_METHODS
from gonogo.drills.whole import WHOLE_METHODS
from gonogo.faults import FAULTS
from gonogo.probes import PROBES
from gonogo.reports import FORMATS
from gonogo.stacks.runtimes import RUNTIMES
from gonogo.stacks.services import SERVICES

STEP = "Step"  # what several probes share
RUNTIME_METHODS = ("embedded", "docker", "external")
UNTELLING = ("A probe.", "A fault.", "A kind of fault.", "A drill method.", "A service kind.", "Implements Runtime.")
INTRODUCTION = """\
# Extensions

What comes with gonogo, by the name that YAML files use. How to write one: [CONTRIBUTING.md](../../CONTRIBUTING.md)
and the table of kinds in [ARCHITECTURE.md](../../ARCHITECTURE.md). Durations, sizes and rates are written with their
unit."""


def page() -> str:
    """The page."""
    return "\n\n".join([NOTICE, INTRODUCTION, *_sections()]) + "\n"


def _sections() -> Iterator[str]:
    yield "## Probes\n\nNamed by `probe:` of a check; the keys are those of its `with:`."
    for name, module, probe in shipped(PROBES):
        yield from _extension(name, module, probe, "observe")
    steps = importlib.import_module("gonogo.probes._steps")
    yield f"### {STEP}\n\n{prose(steps)}"
    yield described(steps.StepSpec)
    yield keys_of(steps.StepSpec, level=4)
    yield "### Sources of observe"
    yield prose(importlib.import_module("gonogo.probes._sources"))
    yield "## Faults\n\nNamed in `faults:` of a chaos scenario, with their keys."
    for name, module, fault in shipped(FAULTS):
        yield from _extension(name, module, fault, "inject")
    yield "## Drill methods\n\nNamed by `method:` of a restore drill; the keys are those of its `with:`."
    for name, module, method in shipped(METHODS):
        yield from _extension(name, module, method, "backup")
        yield _artefact_defects(method)
    for name, module, method in (*shipped(STORE_METHODS), *shipped(WHOLE_METHODS)):
        yield from _extension(name, module, method, "backup" if hasattr(method, "backup") else "copy")
        yield _artefact_defects(method)
    yield "## Kinds of service\n\nNamed by `kind:` of a service in a stack file; the keys stand beside it."
    for name, module, service in shipped(SERVICES):
        yield from _extension(name, module, service, None)
        yield f"Runs on: {', '.join(one for one in RUNTIME_METHODS if hasattr(service, one))}."
    yield "## Runtimes\n\nNamed by `--runtime` or `runtime:` of a stack file."
    for name, module, _ in shipped(RUNTIMES):
        yield f"### {name}\n\n{prose(module)}"
    yield "## Report formats\n\nNamed by `--format` of `gonogo report`; every run writes all of them."
    for name, module, report in shipped(FORMATS):
        yield f"### {name}\n\n{prose(module)}\n\nWritten as `{report.filename}`."


def shipped(registry: Registry[Any]) -> Iterator[tuple[str, Any, Any]]:
    """Name, module and extension of everything in the package; plug-ins of this environment are not part of it."""
    for name in registry.names():
        path = f"{registry.package}.{name}"
        if find_spec(path) is not None:
            yield name, importlib.import_module(path), registry.load(name)


def _extension(name: str, module: Any, extension: Any, method: str | None) -> Iterator[str]:
    yield f"### {name}"
    yield prose(module)
    own = inspect.getdoc(type(extension)) or ""
    if own not in UNTELLING:
        yield prose(own)
    if method is not None:
        yield f"`{method}`: {prose(getattr(type(extension), method))}"
        needs = ", ".join(f"`{one.value}`" for one in sorted(extension.needs))
        yield f"Needs: {needs or 'nothing'}."
    yield described(extension.parameters)
    yield keys_of(extension.parameters, level=4, elsewhere=(STEP,))


def _artefact_defects(method: Any) -> str:
    rows = [
        f"- `{name}`: {' '.join((inspect.getdoc(one) or '').split())}"
        for name, one in method.artefact_defects().items()
    ]
    return "\n".join(["Artefact defects (`artefact:` of a `defect:`):", "", *rows])
