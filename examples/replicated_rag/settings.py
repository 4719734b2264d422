"""What can be configured besides the settings of the reference service; `.env.example` explains each variable."""

from collections.abc import Mapping

from pydantic import Field, field_validator

from reference_rag import settings as reference


class Settings(reference.Settings):
    """The configuration of the replicated store."""

    standbys: tuple[str, ...] = Field(alias="STANDBYS", default=())
    heartbeat_limit: float = Field(alias="HEARTBEAT_LIMIT", default=5.0, gt=0)

    @field_validator("standbys", mode="before")
    @classmethod
    def _parse_standbys(cls, value: str | tuple[str, ...]) -> tuple[str, ...]:
        """Read names separated by commas."""
        names = value.split(",") if isinstance(value, str) else value
        return tuple(name.strip() for name in names if name.strip())


def load_settings(environment: Mapping[str, str]) -> Settings:
    """Build the settings from `environment`. Raises SettingsError."""
    return reference.settings_of(environment, Settings)
