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
    database_iam: bool = False
    """Whether the user of the database's URL signs in with the function's role, and has no password."""
    redis_url: SecretStr = SecretStr("")
    redis_iam_cache: str = ""
    """Name of a serverless cache that `redis_iam_user` signs in to with the function's role."""
    redis_iam_user: str = ""
    upload_role_arn: str = ""
    download_role_arn: str = ""
    store_key_arn: str = ""
    """Of the key that the store bucket is encrypted with, if it has one of its own."""
    upload_endpoint: str = "s3.us-east-1.amazonaws.com"
    upload_secure: bool = True
    upload_credentials: bool = True
    """Whether parties get temporary credentials. Without, their clients send everything to the API."""
    credential_duration_s: int = Field(3600, ge=900, le=3600)
    visibility_timeout_s: int = Field(5400, ge=0)
    project_listing: bool = False

    min_encoding_size: int = 8
    max_encoding_size: int = Field(1024, le=1024)
    max_upload_bytes: int = 3 * 2**30
    """Memory, in bytes, that intake may need to sort one upload: its function has a little more."""

    engine: Literal["native", "anonlink"] = "native"
    """Who compares, sorts and groups: see `linkage.engines.contract`."""
    chunk_max_comparisons: int = Field(10_000_000_000, ge=1)
    """Of one chunk: about ten seconds of one vCPU with the native engine, two minutes with anonlink's."""
    chunk_min_comparisons: int = Field(400_000_000, ge=1)
    """A run is not cut finer than this: starting a worker takes time too."""
    chunk_max_candidates: int = Field(20_000_000, ge=1)
    """Candidate pairs that a chunk is expected to have at most."""
    sample_above_comparisons: int = Field(200_000_000, ge=0)
    """A smaller run is not sampled when it is planned: whatever its candidate pairs, they are few enough."""
    max_candidates: int = Field(1_000_000_000, ge=1)
    """Candidate pairs of one run."""
    max_scores: int = Field(300_000_000, ge=1)
    """Candidate pairs of one run into similarity scores, which are all written out: 70 bytes each."""
    spill_pairs: int = Field(16_000_000, ge=1)
    """Candidate pairs that a compare worker holds in memory, 12 bytes each; more go to the store bucket first."""
    batch_pairs: int = Field(4_000_000, ge=1)
    """Candidate pairs that the engine hands over at a time, about."""
    window_pairs: int = Field(8_000_000, ge=1)
    """Candidate pairs that are held while files of them are merged, about 60 bytes each."""
    max_pending: int = Field(50_000_000, ge=1)
    """Pairs of groups that may still merge, of a run of three parties or more; the solver counts for each."""
    compare_threads: int = Field(0, ge=0)
    """Threads of a compare worker; 0 is one for each vCPU."""

    inline_result_bytes: int = 4 * 2**20
    result_url_expires_s: int = 900

    retention_days: int = Field(90, ge=0)
    """After so many days without use a project expires, and so many after its end a run; 0 is never."""

    reconcile_period_s: int = 60
    patience_s: int = 300
    """How long a run may show no new chunk before its messages are sent again."""

    def most_pairs(self, *, scored: bool) -> int:
        """Return how many candidate pairs a run may have; fewer if each is to be written out with its score."""
        return min(self.max_candidates, self.max_scores) if scored else self.max_candidates

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the settings; raises pydantic's ``ValidationError`` that names what is missing or wrong."""
        return cls.model_validate({name.lower(): value for name, value in environment.items()})
