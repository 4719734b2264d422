"""Stack files: services, the contract with the application, the data layout, backups and objectives."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field, field_validator

from gonogo.spec.base import Seconds, Spec


class ServiceSpec(Spec):
    """A service. `kind` names a file of gonogo.stacks.services, which says what the other keys may be."""

    model_config = ConfigDict(frozen=True, extra="allow")

    kind: str
    optional: bool = False


class RequestSpec(Spec):
    """How one request of the contract is made and where its answer holds what.

    `request` is `METHOD /path?query`; `{name}` placeholders in it and in `json` are filled in by gonogo. `id`, `hits`,
    `answer`, `sources` are JSONPaths into the answer; `hit` maps document, chunk, text, score inside one hit.
    """

    request: str = Field(pattern=r"^[A-Z]+ /\S*$")
    headers: dict[str, str] = Field(default_factory=dict)
    json_: Any = Field(default=None, alias="json")
    id: str | None = None
    hits: str | None = None
    hit: dict[str, str] = Field(default_factory=dict)
    answer: str | None = None
    sources: str | None = None
    turns: str | None = None  # where an answer to a chat says how many questions its session has had

    @property
    def method(self) -> str:
        """GET, POST …"""
        return self.request.partition(" ")[0]

    @property
    def path(self) -> str:
        """The path template."""
        return self.request.partition(" ")[2]


class TenantSpec(Spec):
    """How one tenant identifies itself."""

    headers: dict[str, str] = Field(default_factory=dict)


REQUESTS = ("live", "ready", "metrics", "openapi", "ingest", "document", "delete", "search", "chat")


class ContractSpec(Spec):
    """How to speak to the application. What is not declared costs the verifications that need it."""

    service: str = "app"
    tenants: dict[str, TenantSpec] = Field(default_factory=dict)
    rate_limited: TenantSpec | None = None  # a key whose small rate limit gonogo may use up
    errors: dict[str, str] = Field(default_factory=dict)  # JSONPaths into the body of an error: code, request_id
    live: RequestSpec | None = None
    ready: RequestSpec | None = None
    metrics: RequestSpec | None = None
    openapi: RequestSpec | None = None
    ingest: RequestSpec | None = None
    document: RequestSpec | None = None
    delete: RequestSpec | None = None
    search: RequestSpec | None = None
    chat: RequestSpec | None = None

    @field_validator(
        "live", "ready", "metrics", "openapi", "ingest", "document", "delete", "search", "chat", mode="before"
    )
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"request": value} if isinstance(value, str) else value


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
