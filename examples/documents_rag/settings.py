"""Everything that can be configured. `.env.example` explains the variables one by one.

All of them are named here, also those that the reference service has: this file and `.env.example` say the same.
"""

from pydantic import Field, SecretStr, field_validator

from reference_rag.settings import ApiKey, EmbeddingBackend, LogLevel
from reference_rag.settings import Settings as ReferenceSettings


class Settings(ReferenceSettings):
    """The service's configuration. Durations are in seconds, sizes in bytes."""

    database_url: SecretStr = Field(alias="DATABASE_URL", min_length=1)
    migrations_url: SecretStr | None = Field(alias="MIGRATIONS_URL", default=None)
    pool_min: int = Field(alias="POOL_MIN", default=5, ge=1, le=100)
    pool_max: int = Field(alias="POOL_MAX", default=20, ge=1, le=100)
    pool_timeout: float = Field(alias="POOL_TIMEOUT", default=2.0, gt=0, le=60)
    database_timeout: float = Field(alias="DATABASE_TIMEOUT", default=5.0, gt=0, le=120)

    api_keys: tuple[ApiKey, ...] = Field(alias="API_KEYS")
    rate_limit_per_minute: int = Field(alias="RATE_LIMIT_PER_MINUTE", default=6000, ge=1)
    rate_limits: dict[str, int] = Field(alias="RATE_LIMITS", default={})
    max_body_bytes: int = Field(alias="MAX_BODY_BYTES", default=1_048_576, ge=1024)
    cors_origins: tuple[str, ...] = Field(alias="CORS_ORIGINS", default=())

    embeddings_url: str = Field(alias="EMBEDDINGS_URL", pattern=r"^https?://")
    embedding_model: str = Field(alias="EMBEDDING_MODEL", default="text-embedding-3-small")
    openai_base_url: str = Field(alias="OPENAI_BASE_URL", default="https://api.openai.com/v1", pattern=r"^https?://")
    openai_api_key: SecretStr = Field(alias="OPENAI_API_KEY", default=SecretStr(""))
    chat_model: str = Field(alias="CHAT_MODEL", default="gpt-4.1-mini")
    top_k: int = Field(alias="TOP_K", default=5, ge=1, le=50)
    llm_timeout: float = Field(alias="LLM_TIMEOUT", default=10.0, gt=0, le=300)
    llm_retries: int = Field(alias="LLM_RETRIES", default=2, ge=0, le=5)
    llm_backoff: float = Field(alias="LLM_BACKOFF", default=0.2, gt=0, le=10)
    breaker_failures: int = Field(alias="BREAKER_FAILURES", default=5, ge=1)
    breaker_open: float = Field(alias="BREAKER_OPEN", default=30.0, gt=0)
    breaker_trials: int = Field(alias="BREAKER_TRIALS", default=3, ge=1)

    # The reference service can be told these. Here the seed embeds as the embedding service does; nothing is cached.
    embeddings: EmbeddingBackend = EmbeddingBackend.HASHING
    cache_size: int = 0
    cache_ttl: float = 60.0

    host: str = Field(alias="HOST", default="127.0.0.1")
    port: int = Field(alias="PORT", default=8000, ge=1, le=65535)
    log_level: LogLevel = Field(alias="LOG_LEVEL", default=LogLevel.INFO)
    drain_notice: float = Field(alias="DRAIN_NOTICE", default=0.5, ge=0, le=60)
    drain_seconds: float = Field(alias="DRAIN_SECONDS", default=20.0, gt=0, le=300)

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _parse_origins(cls, value: str | tuple[str, ...]) -> tuple[str, ...]:
        """Read origins separated by commas. `*` would let every web page use the key that a browser holds."""
        items = tuple(item.strip() for item in value.split(",") if item.strip()) if isinstance(value, str) else value
        if any("*" in item or not item.startswith(("http://", "https://")) for item in items):
            msg = "expected origins such as https://app.example.org, separated by commas; no wildcard"
            raise ValueError(msg)
        return items
