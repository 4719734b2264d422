"""The exact oracle: nearest neighbours computed by gonogo itself, and what an index makes of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from psycopg import sql as compose

from gonogo.core.errors import NotMeasurable
from gonogo.core.facts import TableFacts
from gonogo.pg.catalog import quoted, row_key
from gonogo.pg.sessions import Connection

Floats = npt.NDArray[np.float64]

RELATIVE_TIE = 1e-6  # the server computes in single precision: closer than this is equally near
BLOCK_ROWS = 5_000  # read, or computed in double precision, at a time
ROOM = 1.15  # of a matrix that has to grow
BYTES_LIMIT = 2 * 2**30
BOOTSTRAP_SAMPLES = 2000
BOOTSTRAP_SEED = 20_260_101
HEADER_BYTES = 4  # dimensions and a reserved number precede the values


@dataclass(frozen=True, slots=True, kw_only=True)
class Vectors:
    """The stored vectors of a table: one key, one tenant ("" without tenants) and one row of `values` each."""

    keys: npt.NDArray[np.str_]
    tenants: npt.NDArray[np.str_]
    values: npt.NDArray[np.float32]

    def of_tenant(self, tenant: str | None) -> Vectors:
        """Only one tenant's; all for None."""
        if tenant is None:
            return self
        mask = self.tenants == tenant
        if mask.all():  # a copy would be as large
            return self
        return Vectors(keys=self.keys[mask], tenants=self.tenants[mask], values=self.values[mask])

    def __len__(self) -> int:
        return len(self.keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A mean with its 95 % bootstrap interval over `n` samples."""

    mean: float
    low: float
    high: float
    n: int


# --- reading


def fetch_vectors(connection: Connection, table: TableFacts) -> Vectors:
    """Read the vectors of a table that a search may find, as `connection` sees them.

    NULL vectors are left out. Raises NotMeasurable for an empty table, one that is too large, and vectors that are
    not all of one size.
    """
    assert table.vector is not None  # callers look for it
    statement = compose.SQL("SELECT ({})::text, {}, {} FROM {} WHERE {} IS NOT NULL AND ({})").format(
        quoted(row_key(table.primary_key)),
        compose.SQL("{}::text").format(compose.Identifier(table.tenant)) if table.tenant else compose.SQL("''"),
        compose.Identifier(table.vector),
        quoted(table.name),
        compose.Identifier(table.vector),
        quoted(table.searchable or "true"),
    )
    keys: list[str] = []
    tenants: list[str] = []
    matrix = _Matrix(table.name)
    size_bytes = 0
    with connection.transaction(), connection.cursor(name="gonogo_vectors", binary=True) as cursor:
        cursor.execute(statement)
        while rows := cursor.fetchmany(BLOCK_ROWS):
            keys += [row[0] for row in rows]
            tenants += [row[1] or "" for row in rows]
            size_bytes += sum(len(row[2]) for row in rows)
            if size_bytes > BYTES_LIMIT:
                raise NotMeasurable(f"the vectors of {table.name} need more than {BYTES_LIMIT >> 30} GiB of memory")
            matrix.add(parse_payloads([row[2] for row in rows], table.name))
    return Vectors(keys=np.array(keys), tenants=np.array(tenants), values=matrix.values())


class _Matrix:
    """Vectors of a table, added block by block: all of them are held once, whatever came from the server is not kept.

    Room is made in place, where the kernel moves pages instead of copying them.
    """

    def __init__(self, table: str) -> None:
        self._table = table
        self._values = np.empty((0, 0), dtype=np.float32)
        self._rows = 0

    def add(self, block: npt.NDArray[np.float32]) -> None:
        """Append rows. Raises NotMeasurable where they are not of the size of those before."""
        rows, dimensions = self._rows + len(block), block.shape[1]
        if self._rows and self._values.shape[1] != dimensions:
            raise NotMeasurable(f"the vectors of {self._table} are not all of one size")
        if rows > len(self._values):
            self._values.resize((int(rows * ROOM), dimensions), refcheck=False)
        self._values[self._rows : rows] = block
        self._rows = rows

    def values(self) -> npt.NDArray[np.float32]:
        """All rows. Raises NotMeasurable where there are none. Call it once, at the end."""
        if not self._rows:
            raise NotMeasurable(f"{self._table} holds no vectors")
        self._values.resize((self._rows, self._values.shape[1]), refcheck=False)
        return self._values


def parse_payloads(payloads: Sequence[bytes], table: str) -> npt.NDArray[np.float32]:
    """Vectors in pgvector's binary form (vector or halfvec) as one matrix. Raises NotMeasurable."""
    if not payloads:
        raise NotMeasurable(f"{table} holds no vectors")
    sizes = {len(payload) for payload in payloads}
    if len(sizes) > 1:
        raise NotMeasurable(f"the vectors of {table} are not all of one size")
    dimensions = int.from_bytes(payloads[0][:2], "big")
    width, rest = divmod(sizes.pop() - HEADER_BYTES, dimensions) if dimensions else (0, 1)
    if rest or width not in {2, 4}:
        raise NotMeasurable(f"the vectors of {table} are of a type that gonogo cannot read")
    raw = np.frombuffer(b"".join(payloads), dtype=np.uint8).reshape(len(payloads), -1)[:, HEADER_BYTES:]
    values = np.ascontiguousarray(raw).view(">f2" if width == 2 else ">f4")
    return values.astype(np.float32)


def parse_text(vector: str) -> Floats:
    """A vector in pgvector's text form, or in that of an array. Raises NotMeasurable.

    >>> parse_text("[1,-2.5,3e-1]").tolist(), parse_text("{1,2}").tolist()
    ([1.0, -2.5, 0.3], [1.0, 2.0])
    """
    try:
        return np.array([float(part) for part in vector.strip().strip("[]{}").split(",")], dtype=np.float64)
    except ValueError as error:
        raise NotMeasurable(f"{vector[:40]!r} is not a vector") from error


def as_text(vector: npt.NDArray[Any]) -> str:
    """A vector as the server reads it.

    >>> as_text(np.array([1.0, -2.5]))
    '[1.0,-2.5]'
    """
    return "[" + ",".join(map(repr, vector.astype(np.float32).astype(float).tolist())) + "]"


# --- distances


def distances(queries: Floats, values: npt.NDArray[Any], operator: str) -> Floats:
    """Distances of every query to every value, as the operator of pgvector defines them. Raises NotMeasurable.

    `<=>` cosine, `<->` Euclidean, `<#>` negative inner product, `<+>` taxicab. A zero vector has no cosine: NaN.
    """
    if queries.shape[1] != values.shape[1]:
        raise NotMeasurable(f"query vectors have {queries.shape[1]} dimensions, stored ones {values.shape[1]}")
    stored = values.astype(np.float64)
    match operator:
        case "<=>":
            with np.errstate(divide="ignore", invalid="ignore"):
                norms = np.linalg.norm(queries, axis=1)[:, None] * np.linalg.norm(stored, axis=1)[None, :]
                cosine: Floats = 1 - np.clip((queries @ stored.T) / norms, -1, 1)
            return cosine
        case "<#>":
            negative: Floats = -(queries @ stored.T)
            return negative
        case "<->":
            return np.stack([np.linalg.norm(stored - one, axis=1) for one in queries])
        case "<+>":
            return np.stack([np.abs(stored - one).sum(axis=1) for one in queries])
    raise NotMeasurable(f"gonogo has no exact computation for the operator {operator}")


class Distances(Mapping[str, float]):
    """The distance of every stored vector to one query, by key. The index of keys is shared between queries."""

    def __init__(self, rows: Mapping[str, int], values: Floats) -> None:
        self._rows = rows
        self._values = values

    def __getitem__(self, key: str) -> float:
        return float(self._values[self._rows[key]])

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exact:
    """The truth about one query: the keys of its nearest neighbours, best first, and everybody's distance."""

    keys: tuple[str, ...]
    limit: float  # the k-th smallest distance: whoever is as near belongs to the answer
    by_key: Mapping[str, float]

    @property
    def wanted(self) -> int:
        """How many neighbours there are to find: k, or fewer where there are fewer."""
        return len(self.keys)


def exact_top(queries: Floats, stored: Vectors, k: int, operator: str) -> list[Exact]:
    """The exact `k` nearest neighbours of every query. Raises NotMeasurable where there is nothing to compare."""
    if k < 1:
        raise NotMeasurable("the nearest 0 neighbours are no answer")
    if not len(stored) or not len(queries):
        raise NotMeasurable("there are no vectors to compare")
    if not np.isfinite(queries).all():
        raise NotMeasurable("a query vector holds values that are no numbers")
    rows = {key: row for row, key in enumerate(stored.keys.tolist())}
    return [_top(row, stored, rows, k) for row in _all_distances(np.atleast_2d(queries), stored, operator)]


def _all_distances(queries: Floats, stored: Vectors, operator: str) -> Floats:
    """Blocks of rows, so that only one block at a time is held in double precision."""
    starts = range(0, len(stored), BLOCK_ROWS)
    blocks = [distances(queries, stored.values[start : start + BLOCK_ROWS], operator) for start in starts]
    return np.concatenate(blocks, axis=1)


def _top(row: Floats, stored: Vectors, rows: Mapping[str, int], k: int) -> Exact:
    usable = np.flatnonzero(np.isfinite(row))
    if not len(usable):
        raise NotMeasurable("no stored vector has a distance to the query")
    near = usable[np.argsort(row[usable], kind="stable")[:k]]
    return Exact(keys=tuple(stored.keys[near].tolist()), limit=float(row[near[-1]]), by_key=Distances(rows, row))


def recall(exact: Exact, returned: Sequence[str]) -> float:
    """The share of the true neighbours that was returned. Equally near ones count, doubles and strangers do not."""
    tolerance = RELATIVE_TIE * max(abs(exact.limit), 1.0)
    distinct = dict.fromkeys(returned)
    right = sum(exact.by_key.get(key, math.inf) <= exact.limit + tolerance for key in distinct)
    return min(right, exact.wanted) / exact.wanted


def mean_with_interval(samples: Sequence[float]) -> Interval:
    """Mean and 95 % bootstrap interval, the same for the same samples. Raises NotMeasurable without samples."""
    if not samples:
        raise NotMeasurable("there are no samples")
    values = np.asarray(samples, dtype=np.float64)
    random = np.random.default_rng(BOOTSTRAP_SEED)
    means = values[random.integers(len(values), size=(BOOTSTRAP_SAMPLES, len(values)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(mean=float(values.mean()), low=float(low), high=float(high), n=len(values))
