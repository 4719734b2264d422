"""What a load has stored is removed again: whatever runs next must find the stack as it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gonogo.core.deadline import Deadline
from gonogo.load.wire import Sample, Traffic, read_lines
from gonogo.stacks.context import Context
from gonogo.stacks.contract import application_of, questions_of

STORED = "gonogo-load-{question}"  # the id that a load asks for
KEY = "ingest-"  # what the keys of such requests begin with
REMOVE_SECONDS = 30.0


def remove_stored(context: Context, traffic: Traffic) -> None:
    """Delete what was stored, also under ids of the service's own, as the tenant that stored it. Never raises for them.

    What the chats of a load leave in their sessions stays: no contract has a request that would take it back.
    """
    tenants = {question.id: question.tenant for question in questions_of(context.stack)}
    until = Deadline.after(REMOVE_SECONDS)
    left = 0
    with application_of(context.stack) as application:
        for question, identifier in dict.fromkeys(_stored(traffic)):
            if until.expired:
                left += 1
                continue
            answer = application.delete(tenants.get(question), identifier)
            left += answer.status is None or answer.status >= 500  # 404: it never got so far
    if left:
        context.progress(f"{left} documents that the load stored could not be removed")


def _stored(traffic: Traffic) -> Iterator[tuple[str, str]]:
    """(question, id) of everything that may be there."""
    for request in traffic.requests:
        if request.name == "ingest":
            question = request.key.removeprefix(KEY)
            yield question, STORED.format(question=question)
    for line in read_lines(Path(traffic.samples)):
        if isinstance(line, Sample) and line.name == "ingest":
            yield from ((line.key.removeprefix(KEY), identifier) for identifier in line.returned if identifier)
