"""Something that already runs: connection strings and a URL. Only read, unless it is disposable and may be broken."""

from __future__ import annotations

from gonogo.stacks.external.attach import attach, refuse
from gonogo.stacks.external.capabilities import find_capabilities
from gonogo.stacks.external.stack import ExternalStack
from gonogo.stacks.interfaces import Stack, StackRequest
from gonogo.stacks.running import supported


class ExternalRuntime:
    """Implements Runtime."""

    name = "external"

    def available(self) -> str | None:
        """Always: whether the addresses answer is found out per service."""
        return None

    def start(self, request: StackRequest) -> Stack:
        """Attach. What does not answer costs capabilities and is no error here. Raises UsageError: it is protected."""
        run = request.run
        attached = attach(
            request.spec, request.spec_path, run_id=run.run_id, secret=run.secret, allow=request.allow_destructive
        )
        refuse(attached, request.protected)
        stack = ExternalStack(
            request=request, references=attached.references, started=attached.started, access=attached.access,
            hooks=attached.hooks,
        )  # fmt: skip
        stack.capabilities, stack.missing = supported(find_capabilities(stack))
        if request.allow_destructive:
            run.progress(f"{stack.name} may be written to and broken: disposable: true and --allow-destructive")
        return stack


RUNTIME = ExternalRuntime()
