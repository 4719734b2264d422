"""Facts: what is, found out by reading before anything is planned."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

PASSAGES = "chunks"  # what verifications call the table of passages and vectors, whatever a stack calls it
SLOW_BYTES_PER_S = 20e6  # a busy disk


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFacts:
    """A table of the data layout, as the catalogue of the database describes it.

    `name` is the qualified, quoted name. `vector_index`, `operator_class`, `index_method` belong to the vector column's
    first valid approximate index, None where there is none.
    """

    name: str
    rows: int
    size_bytes: int
    primary_key: tuple[str, ...] = ()
    tenant: str | None = None
    vector: str | None = None
    dimensions: int | None = None
    vector_index: str | None = None
    vector_index_bytes: int | None = None
    index_method: str | None = None
    operator_class: str | None = None
    vectors: int | None = None  # rows whose vector is not null
    searchable: str | None = None  # SQL, of the stack file: the rows that a search may find; None: all


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything discovered about a running stack. Written to facts.json, handed to every runner."""

    runtime: str
    capabilities: tuple[str, ...] = ()
    missing: dict[str, str] = field(default_factory=dict)  # capability -> why it is missing
    versions: dict[str, str] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)  # of the main database
    system_identifier: str | None = None
    tables: dict[str, TableFacts] = field(default_factory=dict)  # by the key of the stack file's data.tables
    tenants: tuple[str, ...] = ()  # tenants of the contract
    vector_columns: tuple[str, ...] = ()  # table.column, of the whole database whatever the stack file says
    row_security: tuple[str, ...] = ()  # tables with row-level security
    streaming: tuple[str, ...] = ()  # standbys that are connected to the primary
    data_size_bytes: int | None = None
    left_out: tuple[str, ...] = ()  # optional services of the stack file that did not run
    problems: tuple[str, ...] = ()  # what could not be found out, one sentence each
    host: dict[str, str] = field(default_factory=dict)

    @property
    def database_read(self) -> bool:
        """Whether the main database told what it holds: else that it has none of something is not known."""
        return "postgresql" in self.versions

    @property
    def copying_seconds(self) -> float:
        """How long all the data may take to be copied or read once: time limits grow by it."""
        return (self.data_size_bytes or 0) / SLOW_BYTES_PER_S

    def table(self, key: str) -> TableFacts | None:
        """A table of the data layout; without one called `chunks`, that is the table with the most vectors."""
        with_vectors = [one for one in self.tables.values() if one.vector and one.vectors]
        if key in self.tables or key != PASSAGES or not with_vectors:
            return self.tables.get(key)
        return max(with_vectors, key=lambda one: one.vectors or 0)

    def to_json(self) -> dict[str, Any]:
        """As stored in facts.json."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Facts:
        """The reverse of `to_json`."""
        tables = {
            key: TableFacts(**{**table, "primary_key": tuple(table["primary_key"])})
            for key, table in record["tables"].items()
        }
        names = ("capabilities", "tenants", "vector_columns", "row_security", "streaming", "left_out", "problems")
        lists = {key: tuple(record.get(key, ())) for key in names}
        return cls(**{**record, **lists, "tables": tables})
