"""Deploy the service to the servers of the local stack, by the code that deploys to AWS."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

import boto3

from infra.deploy import Cloud, Stage, deploy
from infra.local.servers.running import ServerFailed
from infra.local.state import Stack

REGION = "us-east-1"  # where existing clients expect the object store


def deploy_service(stack: Stack, packages: Path, progress: Callable[[str], None]) -> dict[str, str]:
    """Deploy the packages, and return the deployed stack's outputs."""
    parameters = {
        "Managed": "false",
        "DatabaseUrl": stack.database_url,
        "RedisUrl": stack.redis_url,
        "UploadEndpoint": urlsplit(stack.s3_endpoint_url).netloc,
        "UploadSecure": "false",
        "ProjectListing": "true",
        "Monitoring": "false",  # LocalStack has neither dashboards nor filters of logs
    }
    with _local_aws_settings():
        stage = Stage("local", "linkage", REGION, parameters)
        return deploy(packages, stage, Cloud(stack.aws_endpoint_url, REGION), progress)


def await_api(stack: Stack) -> None:
    """Check that the API answers; raise ServerFailed if it does not."""
    url = f"{stack.server_url}/api/v1/status"
    try:
        with urlopen(url, timeout=30) as answer:
            answer.read()
    except (URLError, TimeoutError) as error:
        functions = stack.logs_dir / "functions"
        raise ServerFailed(f"GET {url}: {error}; its log is in {functions}") from error


def reconcile(stack: Stack) -> None:
    """Start the reconcile worker: it resumes the work whose messages were lost when the stack was stopped."""
    sqs = boto3.client(
        "sqs",
        endpoint_url=stack.aws_endpoint_url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106
    )
    sqs.send_message(QueueUrl=stack.outputs["ReconcileQueueUrl"], MessageBody="{}")


@contextmanager
def _local_aws_settings() -> Iterator[None]:
    """Hide the user's own AWS settings from the local deployment."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    nothing = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    os.environ.update(nothing, AWS_DEFAULT_REGION=REGION)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
