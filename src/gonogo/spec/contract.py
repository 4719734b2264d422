"""The contract of a stack file: how every request to the application is made, and where its answer holds what."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from gonogo.spec.base import Seconds, Spec

REQUESTS = ("live", "ready", "metrics", "openapi", "ingest", "document", "delete", "search", "chat")
RARER = ("archive", "retention", "replication")  # requests that only some kinds of application have
PLACEHOLDERS = ("id", "title", "text", "query", "k", "session", "message", "token")  # gonogo's own
NAME = re.compile(r"[a-z_][a-z0-9_]*")  # of a placeholder
EACH, NOBODY = "each", "nobody"


class FileSpec(Spec):
    """A file of a multipart body."""

    name: str = "gonogo.txt"
    content: str = "{text}"
    type: str = "text/plain"


class SendSpec(Spec):
    """How a request is sent. `{name}` placeholders in all of it are filled in.

    At most one body: `json`, `form` (urlencoded) or `multipart`, where a text is a field and `{name, content, type}` a
    file. `query` is encoded and added to what the path has already.
    """

    request: str = Field(pattern=r"^[A-Z]+ /\S*$")
    headers: dict[str, str] = Field(default_factory=dict)
    query: dict[str, str | int | float | bool] = Field(default_factory=dict)
    json_: Any = Field(default=None, alias="json")
    form: dict[str, str | int | float | bool] | None = None
    multipart: dict[str, FileSpec | str | int | float | bool] | None = None

    @model_validator(mode="after")
    def _one_body(self) -> SendSpec:
        bodies = {"json": self.json_, "form": self.form, "multipart": self.multipart}
        given = [name for name, body in bodies.items() if body is not None]
        if len(given) > 1:
            raise ValueError(f"a request has one body, this one has {' and '.join(given)}")
        return self

    @property
    def method(self) -> str:
        """GET, POST …"""
        return self.request.partition(" ")[0]

    @property
    def path(self) -> str:
        """The path template."""
        return self.request.partition(" ")[2]


class StreamSpec(Spec):
    """An answer that comes as a stream of server-sent events.

    `answer` of the request is a JSONPath into each event's data (left out: the data is the text itself); the answer is
    what they hold, one after the other. Without names here, every event is looked at. `done` is the data or the name
    of the event that ends a whole answer: where it is given, a stream that ends without it was cut; `[DONE]` always
    ends one. `error` names the events that say that it failed.
    """

    answer: str | None = None
    sources: str | None = None
    done: str | None = None
    error: str = "error"


class RequestSpec(SendSpec):
    """One request of the contract. `id`, `hits`, `answer`, `sources`, `turns` are JSONPaths into the answer.

    `hit` maps document, chunk, text, score inside one hit; without `hits` each of its paths selects one value for
    every hit, from the whole answer. A path that selects nothing is an error, unless it ends in `?`.
    """

    id: str | None = None
    hits: str | None = None
    hit: dict[str, str] = Field(default_factory=dict)
    answer: str | None = None
    sources: str | None = None
    turns: str | None = None  # where an answer to a chat says how many questions its session has had
    stream: StreamSpec | None = None  # `true` for one without names

    @field_validator("stream", mode="before")
    @classmethod
    def _true_is_a_stream(cls, value: Any) -> Any:
        return {} if value is True else None if value is False else value


class ReplicationSpec(RequestSpec):
    """The application's own report of its replication.

    `role` and `standbys` are JSONPaths into the answer; `standby` maps name, state, lag_bytes, lag_seconds and
    heartbeat_age (seconds) inside one standby. `well` are the states of a standby with which all is well.
    """

    role: str | None = None
    standbys: str | None = None
    standby: dict[str, str] = Field(default_factory=dict)
    well: tuple[str, ...] = ("streaming",)


class ApiKeySpec(Spec):
    """A key that stands in a header, in the query or in a cookie."""

    place: Literal["header", "query", "cookie"] = Field(default="header", alias="in")
    name: str
    value: str


class BasicSpec(Spec):
    """Basic authentication."""

    user: str
    password: str


class LoginSpec(SendSpec):
    """A request whose answer holds a token. It is sent once for each tenant, and again when a request answers 401."""

    token: str  # JSONPath into the answer
    header: str = "Authorization"
    value: str = "Bearer {token}"


class AuthSpec(Spec):
    """How a caller proves who it is: one of these. Placeholders are the tenant's `variables`."""

    api_key: ApiKeySpec | None = None
    bearer: str | None = None
    basic: BasicSpec | None = None
    login: LoginSpec | None = None

    @model_validator(mode="after")
    def _one_way(self) -> AuthSpec:
        if sum(one is not None for one in (self.api_key, self.bearer, self.basic, self.login)) != 1:
            raise ValueError("auth is one of api_key, bearer, basic, login")
        return self


class TenantSpec(Spec):
    """How one tenant identifies itself. `variables` fill placeholders in every request; `auth` is its own, if any."""

    headers: dict[str, str] = Field(default_factory=dict)
    variables: dict[str, str] = Field(default_factory=dict)
    auth: AuthSpec | None = None

    @field_validator("variables")
    @classmethod
    def _names_of_their_own(cls, variables: dict[str, str]) -> dict[str, str]:
        return _free(variables)


class TurnSpec(SendSpec):
    """A request of `setup` or `cleanup`.

    `as`: `each` tenant in turn, `nobody`, or one tenant. `accept`: other statuses that are fine too (409: it is there
    already). `capture` names variables for the requests that follow, and JSONPaths into the answer. `reads: true`: it
    writes nothing, so that it may be sent to a stack that is only read.
    """

    as_: str = Field(default=EACH, alias="as")
    accept: tuple[int, ...] = ()
    capture: dict[str, str] = Field(default_factory=dict)
    reads: bool = False
    timeout: Seconds = 10.0

    @field_validator("capture")
    @classmethod
    def _names_of_their_own(cls, capture: dict[str, str]) -> dict[str, str]:
        return _free(capture)


class ContractSpec(Spec):
    """How to speak to the application. What is not declared costs the verifications that need it."""

    service: str = "app"
    auth: AuthSpec | None = None  # of every tenant that has none of its own
    tenants: dict[str, TenantSpec] = Field(default_factory=dict)
    rate_limited: TenantSpec | None = None  # a key whose small rate limit gonogo may use up
    cached: bool = False  # searches are answered from a cache: one that must reach the database asks for more hits
    errors: dict[str, str] = Field(default_factory=dict)  # JSONPaths into the body of an error: code, request_id
    without: tuple[str, ...] = ()  # requests that the application does not have: nobody waits for them to be declared
    setup: tuple[TurnSpec, ...] = ()  # once, before anything else is asked
    cleanup: tuple[TurnSpec, ...] = ()  # once, after everything else
    live: RequestSpec | None = None
    ready: RequestSpec | None = None
    metrics: RequestSpec | None = None
    openapi: RequestSpec | None = None
    ingest: RequestSpec | None = None
    document: RequestSpec | None = None
    delete: RequestSpec | None = None
    search: RequestSpec | None = None
    chat: RequestSpec | None = None
    archive: RequestSpec | None = None  # keeps a document, of which nothing is found any more
    retention: RequestSpec | None = None  # runs the job of data.retention now
    replication: ReplicationSpec | None = None

    @field_validator(*REQUESTS, *RARER, mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"request": value} if isinstance(value, str) else value

    @field_validator("setup", "cleanup", mode="before")
    @classmethod
    def _short_steps(cls, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        return [{"request": one} if isinstance(one, str) else one for one in value]

    @field_validator("without")
    @classmethod
    def _without_requests(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [name for name in names if name not in REQUESTS]:
            raise ValueError(f"unknown request {', '.join(unknown)}; the contract knows: {', '.join(REQUESTS)}")
        return names

    @model_validator(mode="after")
    def _not_both_ways(self) -> ContractSpec:
        if both := [name for name in self.without if getattr(self, name) is not None]:
            raise ValueError(f"without names what is declared: {', '.join(both)}")
        return self

    @model_validator(mode="after")
    def _turns_of_known_tenants(self) -> ContractSpec:
        for turn in (*self.setup, *self.cleanup):
            if turn.as_ not in {EACH, NOBODY, *self.tenants}:
                known = ", ".join([EACH, NOBODY, *self.tenants])
                raise ValueError(f"{turn.request}: as: {turn.as_!r} is no tenant (known: {known})")
        return self


def _free(names: dict[str, str]) -> dict[str, str]:
    for name in names:
        if not NAME.fullmatch(name):
            raise ValueError(f"{name!r} cannot be a placeholder: small letters, digits and _")
        if name in PLACEHOLDERS:
            raise ValueError(f"{{{name}}} is filled in by gonogo itself; choose another name than {name}")
    return names
