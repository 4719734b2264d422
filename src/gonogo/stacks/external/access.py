"""Whether a stack that already runs may be changed, and why not: by default it is only read."""

from __future__ import annotations

from dataclasses import dataclass

from gonogo.core.errors import UsageError
from gonogo.spec.stack import StackSpec

READ_ONLY = "the stack is only read; `disposable: true` in its file together with --allow-destructive changes that"
NOT_OURS = "gonogo does that only to what it started; hooks: of the stack file can stand in"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What may be done to a stack that gonogo did not start."""

    destructive: bool = False

    @property
    def refusal(self) -> str | None:
        """Why nothing may be changed; None where it may."""
        return None if self.destructive else READ_ONLY


def access_of(spec: StackSpec, *, allow_destructive: bool) -> Access:
    """Both the stack file and the command line have to say so. Raises UsageError where only the latter does."""
    if allow_destructive and not spec.disposable:
        raise UsageError(
            f"--allow-destructive: the stack file of {spec.stack} does not say `disposable: true`, so it is only read"
        )
    return Access(destructive=allow_destructive)
