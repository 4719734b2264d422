"""Runtimes: one file each, defining `RUNTIME`."""

from __future__ import annotations

from gonogo.core.registry import Registry
from gonogo.stacks.interfaces import Runtime

RUNTIMES: Registry[Runtime] = Registry(
    kind="runtime", package="gonogo.stacks.runtimes", attribute="RUNTIME", protocol=Runtime
)
