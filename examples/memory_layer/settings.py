"""What can be configured besides the settings of the reference service; `.env.example` explains each variable."""

from collections.abc import Mapping

from pydantic import Field

from reference_rag import settings as reference


class Settings(reference.Settings):
    """The configuration of the memory."""

    retention_max_age_days: float = Field(alias="RETENTION_MAX_AGE_DAYS", default=30, gt=0)
    retention_importance_threshold: float = Field(alias="RETENTION_IMPORTANCE_THRESHOLD", default=0.35, ge=0, le=1)
    retention_delete_after_days: float = Field(alias="RETENTION_DELETE_AFTER_DAYS", default=90, gt=0)
    retention_schedule_seconds: float = Field(alias="RETENTION_SCHEDULE_SECONDS", default=3600, ge=1)
    max_results: int = Field(alias="MAX_RESULTS", default=8, ge=1, le=100)


def load_settings(environment: Mapping[str, str]) -> Settings:
    """Build the settings from `environment`. Raises SettingsError."""
    return reference.settings_of(environment, Settings)
