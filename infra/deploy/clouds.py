"""Clients of the cloud to deploy to: AWS, or a LocalStack that stands in for it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_rds import RDSClient
    from mypy_boto3_rds_data import RDSDataServiceClient
    from mypy_boto3_s3 import S3Client

_REGION = "us-east-1"  # where existing clients expect the object store
_FUNCTION_TIMEOUT_S = 900


class Cloud:
    """The clients of one cloud; each is made when it is first used."""

    def __init__(self, endpoint_url: str | None, region: str | None = None) -> None:
        self._endpoint_url = endpoint_url
        # LocalStack takes the account from the key: with the user's own one the stack
        # would be in an account where nothing else looks for it.
        key = None if endpoint_url is None else "test"
        self._session = boto3.Session(key, key)
        self.region: str = region or self._session.region_name or _REGION
        self.is_aws = endpoint_url is None
        # A stack on AWS takes minutes, and describing it too often is refused.
        self.poll_interval_s = 5.0 if endpoint_url is None else 0.2

    @cached_property
    def account_id(self) -> str:
        """The id of the account that the credentials belong to."""
        sts = self._session.client("sts", self.region, endpoint_url=self._endpoint_url)
        return sts.get_caller_identity()["Account"]

    @cached_property
    def s3(self) -> S3Client:
        """A client of the object store. Buckets are in paths: a LocalStack on an IP address has no host names."""
        config = Config(s3={"addressing_style": "path"})
        return self._session.client("s3", self.region, endpoint_url=self._endpoint_url, config=config)

    @cached_property
    def cloudformation(self) -> CloudFormationClient:
        """A client of CloudFormation."""
        return self._session.client("cloudformation", self.region, endpoint_url=self._endpoint_url)

    @cached_property
    def ec2(self) -> Any:  # noqa: ANN401  its types are not among those that are installed
        """A client of EC2, for its availability zones."""
        return self._session.client("ec2", self.region, endpoint_url=self._endpoint_url)

    @cached_property
    def sql(self) -> RDSDataServiceClient:
        """A client of the database's Data API."""
        return self._session.client("rds-data", self.region, endpoint_url=self._endpoint_url)

    @cached_property
    def rds(self) -> RDSClient:
        """A client of RDS."""
        return self._session.client("rds", self.region, endpoint_url=self._endpoint_url)

    def server_url(self, outputs: Mapping[str, str]) -> str:
        """Return the server URL that clients are configured with: the API's URL without ``/api/v1``."""
        if self._endpoint_url is None:
            return outputs["ApiUrl"]
        return f"{self._endpoint_url}/_aws/execute-api/{outputs['RestAPIId']}"

    @cached_property
    def functions(self) -> LambdaClient:
        """A client of Lambda; a call may take as long as a function may, and is never repeated."""
        config = Config(read_timeout=_FUNCTION_TIMEOUT_S, retries={"total_max_attempts": 1})
        return self._session.client("lambda", self.region, endpoint_url=self._endpoint_url, config=config)
