"""Stack files: services, the contract with the application, the data layout, backups and objectives."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field, ValidationInfo, field_validator

from gonogo.spec.base import PerSecond, Seconds, Spec
from gonogo.spec.compose import Compose, check_named
from gonogo.spec.contract import ContractSpec
from gonogo.spec.hook import LASTING, HookName, HookSpec
from gonogo.spec.protected import ProtectedSpec


class ServiceSpec(Spec):
    """A service. `kind` names a file of gonogo.stacks.services, which says what the other keys may be."""

    model_config = ConfigDict(frozen=True, extra="allow")

    kind: str
    optional: bool = False
    compose: str | None = None  # with compose: at the top: SERVICE or SERVICE:PORT of that project


class TableSpec(Spec):
    """A table of the data layout: its tenant column and its vector column, where it has them."""

    tenant: str | None = None
    vector: str | None = None
    searchable: str | None = None  # SQL: the rows that a search may find, where it does not look among all of them
    document: str | None = None  # the column that holds the id the application answers with
    indexes: tuple[tuple[str, ...], ...] = ()  # columns that indexes must begin with, in this order


class CollectionSpec(Spec):
    """A collection of a vector store beside the database, and the table whose rows it holds the vectors of."""

    service: str  # a chroma service
    collection: str | None = None  # its name there, where that is not this key
    table: str  # a key of data.tables
    id: str = "id"  # the column whose value, as text, is the id of a row's vector
    text: str | None = None  # the column that the collection holds as the vector's document
    distance: Literal["cosine", "l2", "ip"] = "l2"  # Chroma's own default
    dimensions: int | None = Field(default=None, ge=1)


class RunsSpec(Spec):
    """The table in which a job writes down each of its runs, and the column of the instant at which it ended well."""

    table: str
    finished: str


class RetentionSpec(Spec):
    """How long rows are kept: not archived within `archive_after` of `created`, gone `delete_after` later.

    `table` is a key of data.tables. What hangs on its rows by a foreign key goes with them.
    """

    table: str
    id: str = "id"  # the column of the id that the application answers with
    created: str = "created_at"
    archived: str = "archived_at"  # NULL while the row is not archived
    archive_after: Seconds
    delete_after: Seconds
    every: Seconds  # from one run of the job to the next
    runs: RunsSpec | None = None


class DataSpec(Spec):
    """The database layout and how large production is (rows by table key)."""

    service: str = "db"
    tables: dict[str, TableSpec] = Field(default_factory=dict)
    collections: dict[str, CollectionSpec] = Field(default_factory=dict)  # vectors that are not in the database
    production_size: dict[str, int] = Field(default_factory=dict)
    retention: RetentionSpec | None = None


class CorpusSpec(Spec):
    """Questions of known answer: JSON lines {id, tenant, question, document}. The path counts from the stack file.

    `as`: the tenant of the contract that asks all of them, whatever their lines say.
    """

    questions: str
    as_: str | None = Field(default=None, alias="as")


class BackupSpec(Spec):
    """One kind of backup the team really makes: how often, how long it takes, how long until it is off-site."""

    every: Seconds
    takes: Seconds = 0.0
    shipping: Seconds = 0.0
    path: str | None = None


class StackSpec(Spec):
    """A stack file."""

    stack: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    runtime: str = Field(default="auto", pattern="^(auto|docker|embedded|external)$")
    disposable: bool = False  # external: may be written to and broken, together with --allow-destructive
    protected: ProtectedSpec = Field(default_factory=ProtectedSpec)  # what --allow-destructive must never reach
    hooks: dict[HookName, HookSpec] = Field(default_factory=dict)  # external: how faults are injected
    gentle_load: PerSecond = Field(default=2.0, gt=0)  # external: the most for what is only read
    compose: Compose = None  # docker: the Compose project that is run
    services: dict[str, ServiceSpec] = Field(min_length=1)
    contract: ContractSpec = Field(default_factory=ContractSpec)
    data: DataSpec = Field(default_factory=DataSpec)
    corpus: CorpusSpec | None = None
    backups: dict[str, BackupSpec] = Field(default_factory=dict)
    objectives: dict[str, str | int | float] = Field(default_factory=dict)

    @field_validator("hooks")
    @classmethod
    def _what_lasts_is_healed(cls, hooks: dict[HookName, HookSpec]) -> dict[HookName, HookSpec]:
        for name, hook in hooks.items():
            if name in LASTING and hook.heal is None:
                raise ValueError(f"{name} needs heal: the command that brings back what it took away")
        return hooks

    @field_validator("services")
    @classmethod
    def _compose_is_named(cls, services: dict[str, ServiceSpec], info: ValidationInfo) -> dict[str, ServiceSpec]:
        if "compose" in info.data:  # else that key is wrong already
            check_named(info.data["compose"], {name: one.compose for name, one in services.items()})
        return services
