"""Which server a drill of a store is about, and the one that starts from its copy."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from gonogo.core.errors import HarnessError, MissingCapability, NotMeasurable, StackError, StackTimedOut
from gonogo.drills import RestoreFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gonogo.stacks.context import Context
    from gonogo.stacks.interfaces import FileStore, StoreRequest


def named_or_only(context: Context, kind: str, name: str | None) -> str:
    """The named service, or the only one of its kind. Raises MissingCapability where there is none, or several."""
    names = [one for one, service in context.stack.services.items() if service.kind == kind]
    if name is None and len(names) != 1:
        raise MissingCapability(f"the stack runs {len(names)} {kind} services: name one of them in service:")
    return name or names[0]


@contextmanager
def started_from_copy(context: Context, request: StoreRequest, source: FileStore) -> Iterator[FileStore]:
    """A server on the copied files. Raises RestoreFailed where none starts, NotMeasurable where time ran out."""
    with ExitStack() as scratch:
        try:
            target = scratch.enter_context(context.stack.scratch_store(request, context.deadline))
        except StackTimedOut as error:
            raise NotMeasurable(f"whether the restored {request.service} starts is not known: {error}") from error
        except StackError as error:
            raise RestoreFailed(f"{request.service} does not start from the copied files: {error}") from error
        refuse_source(source, target)
        yield target


def refuse_source(source: FileStore, target: FileStore) -> None:
    """Raise HarnessError where what was started is the source, or lies in its folder: it must stay as it is."""
    ours, theirs = Path(target.home), Path(source.home)
    if target.references == source.references or ours.is_relative_to(theirs) or theirs.is_relative_to(ours):
        raise HarnessError(f"the restore's target {target.name} is the source itself")
