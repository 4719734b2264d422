"""How a check runs: its probe observes, with every reference of its parameters filled in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gonogo.probes import PROBES
from gonogo.spec.references import substitute
from gonogo.spec.verification import CheckSpec
from gonogo.stacks.context import Context


def run_check(context: Context, spec: CheckSpec, lookup: Callable[[str], str], changes: dict[str, Any]) -> None:
    """Observe and record. `lookup` resolves `${…}`; `changes` replace parameters (seeded defects).

    Raises NotMeasurable when nothing can be said.
    """
    probe = PROBES.load(spec.probe)
    written = substitute({**spec.with_, **changes}, lookup)
    for observation in probe.observe(context, probe.parameters.model_validate(written)):
        context.observe(observation)
        context.deadline.check(f"check {context.recorder.item_id}")
