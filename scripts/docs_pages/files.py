"""docs/reference/files.md: every key of every kind of YAML file."""

from __future__ import annotations

from collections.abc import Iterator

from docs_pages.parameters import described, keys_of
from docs_pages.text import NOTICE, prose
from gonogo.core.outcome import Area
from gonogo.spec.base import Spec
from gonogo.spec.defect import DefectSpec
from gonogo.spec.expectation import ExpectationSpec
from gonogo.spec.schema import MODELS
from gonogo.spec.verification import VerificationSpec

SHARED = ("Expectation", "Defect", "FileEdit")  # headings of their own at the end
TITLES = {
    "stack": "Stack files: config/stacks",
    "suite": "Suites: config/suites",
    "policy": "Policies: config/policies",
    "check": "Checks: checks/AREA",
    "load": "Load profiles: loadtests",
    "chaos": "Chaos scenarios: chaos",
    "drill": "Restore drills: restore_drills",
}
INTRODUCTION = """\
# Files

Every key of every kind of YAML file. Unknown and repeated keys are errors, all of them reported at once with file, line
and a suggestion. `gonogo schema` prints the same as JSON schema; editors complete with
`# yaml-language-server: $schema=…` pointing to a file of `config/schema`. YAML is read by the rules of version 1.2:
`on` and `no` are words, dates are text."""


def page() -> str:
    """The page."""
    return "\n\n".join([NOTICE, INTRODUCTION, *_sections()]) + "\n"


def _sections() -> Iterator[str]:
    common = frozenset(field.alias or name for name, field in VerificationSpec.model_fields.items())
    yield "## What all verifications share"
    yield described(VerificationSpec)
    yield f"Areas: {', '.join(area.value for area in Area)}."
    yield keys_of(VerificationSpec, level=3, elsewhere=SHARED)
    effects = {name: model.model_fields["effects"].default for name, model in MODELS.items() if _is_verification(model)}
    listed = ", ".join(f"{name} `{effect.value}`" for name, effect in effects.items())
    yield f"`effects` by default, by kind: {listed}."
    for name, model in MODELS.items():
        yield f"## {TITLES[name]}"
        yield described(model)
        verification = _is_verification(model)
        if verification:
            yield "Besides what all verifications share:"
        yield keys_of(model, level=3, elsewhere=SHARED, without=common if verification else frozenset())
    for heading, shared in (("Expectation", ExpectationSpec), ("Defect", DefectSpec)):
        yield f"## {heading}\n\n{prose(shared)}"
        yield keys_of(shared, level=3)


def _is_verification(model: type[Spec]) -> bool:
    return issubclass(model, VerificationSpec)
