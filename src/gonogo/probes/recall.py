"""Recall of the application's own search against an exact oracle: gonogo's arithmetic over the stored vectors.

The index is never its own judge, and the embedding model needs not be known: the query vector is read from the
statement that the application's search sends.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from gonogo.core.errors import NotMeasurable
from gonogo.core.observation import Observation
from gonogo.core.outcome import Capability
from gonogo.spec.base import Spec

if TYPE_CHECKING:
    from gonogo.core.facts import TableFacts
    from gonogo.pg.vectors import Exact
    from gonogo.stacks.context import Context

WORST_SHOWN = 5


class Parameters(Spec):
    """`queries: corpus` asks the questions of the corpus through the API and compares what the API answers.

    `queries: stored` sends the captured search again as the application's role, with stored vectors as query vectors:
    many more queries, without the corpus. Every tenant is compared with its own rows only.
    """

    table: str
    k: int = Field(default=10, ge=1)
    queries: Literal["corpus", "stored"] = "corpus"
    tenants: str = "all"  # all, largest, smallest, or one by name
    n: int = Field(default=20, ge=1)  # queries for each tenant


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One query: what was found of what there was to find."""

    tenant: str
    query: str
    recall: float
    wanted: int
    returned: int
    missed: tuple[str, ...]

    @property
    def share(self) -> float:
        """Results returned as a share of those that there are, at most 1."""
        return min(1.0, self.returned / self.wanted)


class Recall:
    """Observes recall_at_K and results_returned_share: for each tenant, and over all queries."""

    parameters = Parameters
    needs = frozenset({Capability.SQL, Capability.APPLICATION, Capability.CAPTURE})

    def observe(self, context: Context, parameters: Parameters) -> Iterator[Observation]:
        """Search, compute the truth, compare. Raises NotMeasurable."""
        from gonogo.probes._recall import compare_corpus, compare_stored  # noqa: PLC0415 - needs driver and arithmetic

        compare = compare_corpus if parameters.queries == "corpus" else compare_stored
        compared = compare(
            context, key=parameters.table, k=parameters.k, tenants=parameters.tenants, per_tenant=parameters.n
        )
        if not compared:
            raise NotMeasurable("there was no query to compare")
        yield from _observations(context, compared, parameters.k)


def _observations(context: Context, compared: Sequence[Compared], k: int) -> Iterator[Observation]:
    evidence = context.recorder.artifact("queries.json", json.dumps([_record(one) for one in compared], indent=1))
    tenants = list(dict.fromkeys(one.tenant for one in compared))
    groups = [(tenant, [one for one in compared if one.tenant == tenant]) for tenant in tenants]
    if len(groups) > 1:
        groups.append(("all tenants", list(compared)))
    for subject, group in groups:
        yield _mean(f"recall_at_{k}", subject, [one.recall for one in group], evidence, _worst(group))
        short = sum(one.share < 1 for one in group)
        detail = f"{short} of {len(group)} searches returned fewer results than there are"
        yield _mean("results_returned_share", subject, [one.share for one in group], evidence, detail)


def _mean(name: str, subject: str, samples: Sequence[float], evidence: str, detail: str) -> Observation:
    from gonogo.pg.vectors import mean_with_interval  # noqa: PLC0415 - planning need not pay for numpy

    found = mean_with_interval(samples)
    return Observation(
        name=name,
        value=found.mean,
        subject=subject,
        unit="1",
        n=found.n,
        low=found.low,
        high=found.high,
        evidence=evidence,
        detail=detail,
    )


def _worst(group: Sequence[Compared]) -> str:
    worst = min(group, key=lambda one: one.recall)
    found = round(worst.recall * worst.wanted)
    return f"worst: {worst.query!r} as {worst.tenant or 'nobody'} found {found} of {worst.wanted}"


def _record(one: Compared) -> dict[str, object]:
    return {
        "tenant": one.tenant,
        "query": one.query,
        "recall": one.recall,
        "wanted": one.wanted,
        "returned": one.returned,
        "missed": list(one.missed),
    }


def compared_with(exact: Exact, returned: Sequence[str], *, tenant: str | None, query: str) -> Compared:
    """Compare the keys that a search returned, best first, with the truth. More than were asked for do not count."""
    from gonogo.pg.vectors import recall  # noqa: PLC0415 - planning need not pay for numpy

    first = list(dict.fromkeys(returned))[: exact.wanted]
    return Compared(
        tenant=tenant or "",
        query=query,
        recall=recall(exact, first),
        wanted=exact.wanted,
        returned=len(first),
        missed=tuple(key for key in exact.keys if key not in first)[:WORST_SHOWN],
    )


def key_column(table: TableFacts, key: str) -> str:
    """The one column that names a row of the table. Raises NotMeasurable."""
    if table.vector is None:
        raise NotMeasurable(f"the stack file names no vector column of {key}")
    if len(table.primary_key) != 1:
        raise NotMeasurable(f"{key} has no primary key of one column, so results cannot be told apart")
    return table.primary_key[0]


PROBE = Recall()
