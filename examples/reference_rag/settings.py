"""Everything that can be configured, read once from the environment and checked before anything starts.

The alias of each field is the name of its environment variable; `.env.example` explains them one by one.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator


class EmbeddingBackend(StrEnum):
    """Where vectors come from."""

    HASHING = "hashing"
    OPENAI = "openai"
    MINILM = "minilm"


class LogLevel(StrEnum):
    """How much is logged."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


class Role(StrEnum):
    """What a key may do: a reader searches and chats, a writer also stores and deletes."""

    READER = "reader"
    WRITER = "writer"


class ApiKey(BaseModel):
    """One key of a tenant."""

    model_config = ConfigDict(frozen=True)

    tenant: str
    key: SecretStr
    role: Role


class SettingsError(Exception):
    """The environment is not usable; the text names each variable and what is wrong with it."""


class Settings(BaseModel):
    """The service's configuration. Durations are in seconds, sizes in bytes."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    database_url: SecretStr = Field(alias="DATABASE_URL", min_length=1)
    migrations_url: SecretStr | None = Field(alias="MIGRATIONS_URL", default=None)
    pool_min: int = Field(alias="POOL_MIN", default=2, ge=1, le=100)
    pool_max: int = Field(alias="POOL_MAX", default=10, ge=1, le=100)
    pool_timeout: float = Field(alias="POOL_TIMEOUT", default=2.0, gt=0, le=60)
    database_timeout: float = Field(alias="DATABASE_TIMEOUT", default=5.0, gt=0, le=120)

    api_keys: tuple[ApiKey, ...] = Field(alias="API_KEYS")
    rate_limit_per_minute: int = Field(alias="RATE_LIMIT_PER_MINUTE", default=6000, ge=1)
    rate_limits: dict[str, int] = Field(alias="RATE_LIMITS", default={})
    max_body_bytes: int = Field(alias="MAX_BODY_BYTES", default=1_048_576, ge=1024)

    embeddings: EmbeddingBackend = Field(alias="EMBEDDINGS", default=EmbeddingBackend.HASHING)
    embedding_model: str = Field(alias="EMBEDDING_MODEL", default="text-embedding-3-small")
    chat_model: str = Field(alias="CHAT_MODEL", default="gpt-4o-mini")
    openai_base_url: str = Field(alias="OPENAI_BASE_URL", default="https://api.openai.com/v1", pattern=r"^https?://")
    openai_api_key: SecretStr = Field(alias="OPENAI_API_KEY", default=SecretStr(""))
    llm_timeout: float = Field(alias="LLM_TIMEOUT", default=10.0, gt=0, le=300)
    llm_retries: int = Field(alias="LLM_RETRIES", default=2, ge=0, le=5)
    llm_backoff: float = Field(alias="LLM_BACKOFF", default=0.2, gt=0, le=10)
    breaker_failures: int = Field(alias="BREAKER_FAILURES", default=5, ge=1)
    breaker_open: float = Field(alias="BREAKER_OPEN", default=30.0, gt=0)
    breaker_trials: int = Field(alias="BREAKER_TRIALS", default=3, ge=1)

    cache_size: int = Field(alias="CACHE_SIZE", default=0, ge=0)
    cache_ttl: float = Field(alias="CACHE_TTL", default=60.0, gt=0)

    host: str = Field(alias="HOST", default="127.0.0.1")
    port: int = Field(alias="PORT", default=8000, ge=1, le=65535)
    log_level: LogLevel = Field(alias="LOG_LEVEL", default=LogLevel.INFO)
    drain_notice: float = Field(alias="DRAIN_NOTICE", default=0.5, ge=0, le=60)
    drain_seconds: float = Field(alias="DRAIN_SECONDS", default=20.0, gt=0, le=300)

    def owner_url(self) -> str:
        """The connection of the tables' owner. Raises SettingsError where none is set."""
        if self.migrations_url is None:
            msg = "MIGRATIONS_URL: this command needs the connection of the tables' owner"
            raise SettingsError(msg)
        return self.migrations_url.get_secret_value()

    @field_validator("api_keys", mode="before")
    @classmethod
    def _parse_api_keys(cls, value: str) -> tuple[ApiKey, ...]:
        """Read `tenant=key[:reader|:writer]` items separated by commas; a key without a role may write."""
        keys = []
        for item in _items(value):
            tenant, _, rest = item.partition("=")
            key, _, role = rest.partition(":")
            if not tenant or not key or role not in ("", *Role):
                msg = "expected tenant=key, tenant=key:reader or tenant=key:writer, separated by commas"
                raise ValueError(msg)
            keys.append(ApiKey(tenant=tenant, key=SecretStr(key), role=Role(role or Role.WRITER)))
        if not keys or len({each.key.get_secret_value() for each in keys}) < len(keys):
            msg = "expected at least one key, and no key twice"
            raise ValueError(msg)
        return tuple(keys)

    @field_validator("rate_limits", mode="before")
    @classmethod
    def _parse_rate_limits(cls, value: str | dict[str, int]) -> dict[str, int]:
        """Read `tenant=requests-per-minute` items separated by commas."""
        if isinstance(value, dict):
            return value
        limits = {}
        for item in _items(value):
            tenant, _, limit = item.partition("=")
            if not tenant or not limit.isdecimal() or int(limit) < 1:
                msg = "expected tenant=requests-per-minute, separated by commas"
                raise ValueError(msg)
            limits[tenant] = int(limit)
        return limits


AnySettings = TypeVar("AnySettings", bound=Settings)


def _items(value: str) -> list[str]:
    return [item.strip() for item in value.split(",") if item.strip()]


def load_settings(environment: Mapping[str, str]) -> Settings:
    """Build the settings from `environment`; an empty variable counts as absent. Raises SettingsError."""
    return settings_of(environment, Settings)


def settings_of(environment: Mapping[str, str], model: type[AnySettings]) -> AnySettings:
    """The same for a service that has settings of its own besides. Raises SettingsError."""
    known = {field.alias for field in model.model_fields.values()}
    given = {name: value for name, value in environment.items() if name in known and value.strip()}
    try:
        settings = model.model_validate(given)
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors(include_input=False)]
        raise SettingsError("\n".join(lines)) from None
    if settings.pool_min > settings.pool_max:
        msg = f"POOL_MIN: {settings.pool_min} is more than POOL_MAX, which is {settings.pool_max}"
        raise SettingsError(msg)
    return settings
