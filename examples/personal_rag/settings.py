"""The settings of the reference service, and what the vector store and the cache add. `.env.example` explains them."""

from pydantic import Field, SecretStr

from reference_rag.settings import Settings


class PersonalSettings(Settings):
    """The service's configuration. Durations are in seconds."""

    chroma_url: str = Field(alias="CHROMA_URL", pattern=r"^https?://")
    chroma_collection: str = Field(alias="CHROMA_COLLECTION", default="passages", pattern=r"^[A-Za-z0-9._-]{3,63}$")
    chroma_token: SecretStr = Field(alias="CHROMA_TOKEN", default=SecretStr(""))
    chroma_timeout: float = Field(alias="CHROMA_TIMEOUT", default=3.0, gt=0, le=60)
    redis_url: SecretStr = Field(alias="REDIS_URL", default=SecretStr(""))
