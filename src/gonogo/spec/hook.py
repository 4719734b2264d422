"""Commands of the user's own that break something on a stack that gonogo did not start."""

from __future__ import annotations

import shlex
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from gonogo.spec.base import Seconds, Spec

HookName = Literal["failover", "restart", "kill", "restart_application", "kill_application"]
LASTING = ("failover", "kill", "kill_application")  # what these do stays until it is undone


def _words(value: Any) -> Any:
    """A string is split as a shell would split it; no shell runs it."""
    if not isinstance(value, str):
        return value
    try:
        return shlex.split(value)
    except ValueError as error:
        raise ValueError(f"cannot be split into words: {error}") from None


Command = Annotated[tuple[str, ...], BeforeValidator(_words), Field(min_length=1)]


class HookSpec(Spec):
    """A command, and the one that undoes it. Started without a shell, in the stack file's folder.

    It gets PATH, HOME and the like, `environment`, and GONOGO_HOOK, GONOGO_RUN_ID; nothing else of gonogo's own
    environment. `service` is what it acts on, by default the data service, or the contract's for `…_application`.
    """

    command: Command
    heal: Command | None = None
    service: str | None = None
    timeout: Seconds = Field(default=60.0, gt=0)  # of each of the two, and until its effect shows
    environment: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"command": value} if isinstance(value, (str, list)) else value
