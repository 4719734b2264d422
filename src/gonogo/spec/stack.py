"""Stack files: services, the contract with the application, the data layout, backups and objectives."""

from __future__ import annotations

from pydantic import ConfigDict, Field, field_validator

from gonogo.spec.base import Seconds, Spec
from gonogo.spec.contract import ContractSpec


class ServiceSpec(Spec):
    """A service. `kind` names a file of gonogo.stacks.services, which says what the other keys may be."""

    model_config = ConfigDict(frozen=True, extra="allow")

    kind: str
    optional: bool = False


class TableSpec(Spec):
    """A table of the data layout: its tenant column and its vector column, where it has them."""

    tenant: str | None = None
    vector: str | None = None
    document: str | None = None  # the column that holds the id the application answers with


class DataSpec(Spec):
    """The database layout and how large production is (rows by table key)."""

    service: str = "db"
    tables: dict[str, TableSpec] = Field(default_factory=dict)
    production_size: dict[str, int] = Field(default_factory=dict)


class CorpusSpec(Spec):
    """Questions of known answer: JSON lines {id, tenant, question, document}. The path counts from the stack file."""

    questions: str


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
    disposable: bool = False
    services: dict[str, ServiceSpec] = Field(min_length=1)
    contract: ContractSpec = Field(default_factory=ContractSpec)
    data: DataSpec = Field(default_factory=DataSpec)
    corpus: CorpusSpec | None = None
    backups: dict[str, BackupSpec] = Field(default_factory=dict)
    objectives: dict[str, str | int | float] = Field(default_factory=dict)
