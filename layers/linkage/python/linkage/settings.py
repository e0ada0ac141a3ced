"""Settings: one typed object with defaults, read once from the environment."""

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
    """ARN of the key that encrypts the store bucket, if it has one of its own."""
    upload_endpoint: str = "s3.us-east-1.amazonaws.com"
    upload_secure: bool = True
    upload_credentials: bool = True
    """Whether parties get temporary credentials. If not, their clients send everything to the API."""
    credential_duration_s: int = Field(3600, ge=900, le=3600)
    visibility_timeout_s: int = Field(5400, ge=0)
    project_listing: bool = False

    min_encoding_size: int = 8
    max_encoding_size: int = Field(1024, le=1024)
    max_upload_bytes: int = 3 * 2**30
    """Memory in bytes that intake may need to sort one upload; its function has a little more."""

    engine: Literal["native", "anonlink"] = "native"
    """The engine that compares, sorts and groups: see `linkage.engines.contract`."""
    chunk_max_comparisons: int = Field(10_000_000_000, ge=1)
    """Comparisons of one chunk at most: about 10 s of one vCPU with the native engine, 120 s with anonlink's."""
    chunk_min_comparisons: int = Field(400_000_000, ge=1)
    """Lowest bound on the comparisons of one chunk: starting a worker takes time too."""
    chunk_max_candidates: int = Field(20_000_000, ge=1)
    """Expected candidate pairs of one chunk at most."""
    sample_above_comparisons: int = Field(200_000_000, ge=0)
    """Comparisons beyond which planning samples a run; a smaller one cannot have too many candidate pairs."""
    max_candidates: int = Field(1_000_000_000, ge=1)
    """Candidate pairs of one run at most."""
    max_scores: int = Field(300_000_000, ge=1)
    """Candidate pairs of one run at most if all are written out as similarity scores, 70 bytes each."""
    spill_pairs: int = Field(16_000_000, ge=1)
    """Candidate pairs that a compare worker holds in memory, 12 bytes each; it spills more to the store bucket."""
    batch_pairs: int = Field(4_000_000, ge=1)
    """Approximate number of candidate pairs that the engine hands over at a time."""
    window_pairs: int = Field(8_000_000, ge=1)
    """Candidate pairs that are held while files of them are merged, about 60 bytes each."""
    max_pending: int = Field(50_000_000, ge=1)
    """Pairs of groups that may still merge, at most, in a run of three parties or more; each takes a counter."""
    compare_threads: int = Field(0, ge=0)
    """Threads of a compare worker; 0 means one for each vCPU."""

    inline_result_bytes: int = 4 * 2**20
    result_url_expires_s: int = 900

    retention_days: int = Field(90, ge=0)
    """Days without use after which a project expires, and days after its end for a run; 0 means never."""

    reconcile_period_s: int = 60
    patience_s: int = 300
    """Time without a new chunk after which a run's messages are sent again."""

    def most_pairs(self, *, scored: bool) -> int:
        """Return the largest number of candidate pairs of a run: fewer if each is written out with its score."""
        return min(self.max_candidates, self.max_scores) if scored else self.max_candidates

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the settings; raises pydantic's ``ValidationError``, which names the missing and wrong ones."""
        return cls.model_validate({name.lower(): value for name, value in environment.items()})
