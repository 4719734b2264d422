"""Whether a vector store measures distance as declared, and whether its index finds the true nearest neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import Field

from gonogo.core.errors import NotMeasurable
from gonogo.core.observation import Observation
from gonogo.core.outcome import Capability
from gonogo.probes._collections import CollectionParameters, Declared, declared_collections

if TYPE_CHECKING:
    from gonogo.pg.vectors import Floats, Vectors
    from gonogo.stacks.chroma import Neighbours
    from gonogo.stacks.context import Context

OPERATORS = {"cosine": "<=>", "l2": "<->", "ip": "<#>"}
SAMPLE_SEED = 20_260_104
SMALLEST_DISTANCE = 1e-3  # what lies nearer is compared absolutely: the server computes in single precision


class VectorStoreParameters(CollectionParameters):
    """`n` stored vectors are asked for, each with its `k` nearest; the truth is computed by gonogo."""

    k: int = Field(default=10, ge=1, le=100)
    n: int = Field(default=50, ge=1, le=500)


class VectorStoreProbe:
    """Asks the store itself, as the application's search would, and computes the answer from what it holds."""

    parameters = VectorStoreParameters
    needs = frozenset[Capability]()

    def observe(self, context: Context, parameters: VectorStoreParameters) -> Iterator[Observation]:
        """`space_as_declared`, `dimensions_as_declared`, `distance_error` and `recall`, for each collection."""
        for one in declared_collections(context, parameters):
            yield from _declared(one)
            yield from _measured(one, parameters)


PROBE = VectorStoreProbe()


def _declared(one: Declared) -> Iterator[Observation]:
    """What the server says, beside what the stack file says."""
    space, dimensions = one.found.space, one.found.dimensions
    if space is not None:
        yield Observation(
            name="space_as_declared", subject=one.key, value=space == one.spec.distance, n=1,
            detail=f"the collection measures {space}, the stack file says {one.spec.distance}",
        )  # fmt: skip
    if one.spec.dimensions is not None and dimensions is not None:
        yield Observation(
            name="dimensions_as_declared", subject=one.key, value=dimensions == one.spec.dimensions, n=1,
            detail=f"the collection has {dimensions}, the stack file says {one.spec.dimensions}",
        )  # fmt: skip


def _measured(one: Declared, parameters: VectorStoreParameters) -> Iterator[Observation]:
    from gonogo.pg.vectors import exact_top, mean_with_interval, recall  # noqa: PLC0415 - planning needs no numpy

    stored = _stored(one)
    queries = _sample(stored, parameters.n)
    answers = one.server.nearest(one.found, queries.tolist(), parameters.k)
    truths = exact_top(queries, stored, parameters.k, OPERATORS[one.spec.distance])
    errors = [
        _error(_as_chroma(truth.by_key[key], one.spec.distance), said)
        for truth, answer in zip(truths, answers, strict=True)
        for key, said in _known(answer, truth.by_key)
    ]
    yield Observation(
        name="distance_error", subject=one.key, value=max(errors, default=None), unit="1", n=len(errors),
        detail=f"the worst of {len(errors)} distances that the server named, against {one.spec.distance}",
    )  # fmt: skip
    found = mean_with_interval([recall(truth, answer.ids) for truth, answer in zip(truths, answers, strict=True)])
    yield Observation(
        name="recall", subject=one.key, value=found.mean, unit="1", n=found.n, low=found.low, high=found.high,
        detail=f"{parameters.k} nearest of {len(stored)} vectors",
    )  # fmt: skip


def _stored(one: Declared) -> Vectors:
    """Everything that the collection holds. Raises NotMeasurable where it cannot be compared."""
    import numpy as np  # noqa: PLC0415 - planning needs no numpy

    from gonogo.pg.vectors import Vectors  # noqa: PLC0415 - as above

    keys, values = [], []
    for record in one.server.records(one.found, vectors=True):
        if record.vector is None:
            raise NotMeasurable(f"the server does not show the vectors of {one.found.name}")
        keys.append(record.id)
        values.append(np.asarray(record.vector, dtype=np.float32))
    if not keys:
        raise NotMeasurable(f"the collection {one.found.name} is empty")
    return Vectors(keys=np.array(keys), tenants=np.array([""] * len(keys)), values=np.stack(values))


def _sample(stored: Vectors, size: int) -> Floats:
    import numpy as np  # noqa: PLC0415 - planning needs no numpy

    rows = np.random.default_rng(SAMPLE_SEED).choice(len(stored), size=min(size, len(stored)), replace=False)
    chosen: Floats = stored.values[rows].astype(np.float64)
    return chosen


def _known(answer: Neighbours, truth: object) -> Iterator[tuple[str, float]]:
    """Those answers whose vectors were read: one that was stored meanwhile cannot be compared."""
    for key, distance in zip(answer.ids, answer.distances, strict=True):
        if key in truth:  # type: ignore[operator]  # a mapping by id
            yield key, distance


def _as_chroma(distance: float, space: str) -> float:
    """A distance as Chroma reports it: l2 squared, ip as 1 minus the product.

    >>> _as_chroma(2.0, "l2"), _as_chroma(-0.25, "ip"), _as_chroma(0.5, "cosine")
    (4.0, 0.75, 0.5)
    """
    return distance**2 if space == "l2" else 1 + distance if space == "ip" else distance


def _error(true: float, said: float) -> float:
    return abs(said - true) / max(abs(true), SMALLEST_DISTANCE)
