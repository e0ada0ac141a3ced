"""What can be set from outside, with its sane default: one typed object, read once from the environment."""

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class Settings(BaseModel):
    """The service's settings. Each is read from the environment variable of its name in upper case."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, extra="ignore")

    uploads_bucket: str
    store_bucket: str
    database_url: SecretStr = SecretStr("")
    redis_url: SecretStr = SecretStr("")
    upload_role_arn: str = ""
    upload_endpoint: str = "s3.us-east-1.amazonaws.com"
    upload_secure: bool = True
    credential_duration_s: int = Field(3600, ge=900, le=3600)
    visibility_timeout_s: int = Field(5400, ge=0)
    project_listing: bool = False

    min_encoding_size: int = 8
    max_encoding_size: int = 1024
    max_upload_bytes: int = 3 * 2**30
    """Encodings of one upload, in bytes: intake sorts them in memory."""

    engine: Literal["native", "anonlink"] = "native"
    """Who compares, sorts and groups: see `linkage.engines`."""
    chunk_max_comparisons: int = 1_000_000_000
    chunk_min_comparisons: int = 8_000_000
    max_candidates: int = 50_000_000
    """Candidate pairs of one run: the solver holds them in memory."""

    inline_result_bytes: int = 4 * 2**20
    result_url_expires_s: int = 900

    reconcile_period_s: int = 60
    patience_s: int = 300
    """How long a run may show no new chunk before its messages are sent again."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the settings; raises pydantic's ``ValidationError`` that names what is missing or wrong."""
        return cls.model_validate({name.lower(): value for name, value in environment.items()})
