"""LocalStack in host mode, with Lambda functions as processes."""

import os
import shutil
from pathlib import Path

from infra.local.environments import ROOT, python
from infra.local.servers import LOOPBACK, Server, free_port, is_listening

# What LocalStack loads, and so what the template may use.
SERVICES = "apigateway,cloudformation,cloudwatch,events,iam,lambda,logs,s3,sqs,sts"


def prepare(
    state: Path,
    *,
    api_port: int,
    port: int | None = None,
    services: str = SERVICES,
    object_store: Path | None = None,
) -> Server:
    """Prepare LocalStack with our executor, and the API at `api_port`.

    `object_store` is the settings file of an object store other than LocalStack's (see `infra.local.minio.settings`).
    """
    address = f"{LOOPBACK}:{port or free_port()}"
    for folder in ("tmp", "localstack"):
        (state / folder).mkdir(parents=True)
    environment = {
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'infra/local/plugins'}",
        "TMPDIR": str(state / "tmp"),
        "XDG_CACHE_HOME": str(state / "localstack"),
        "FILESYSTEM_ROOT": str(state / "localstack"),
        "GATEWAY_LISTEN": address,
        "LOCALSTACK_HOST": address,
        "SERVICES": services,
        # The newer engine deploys resources whose condition is false: docs/decisions/0012.
        "PROVIDER_OVERRIDE_CLOUDFORMATION": "engine-legacy",
        "EAGER_SERVICE_LOADING": "1",
        "STRICT_SERVICE_LOADING": "1",
        # It takes a container for its home if this is not said, and listens on all.
        "OVERRIDE_IN_DOCKER": "0",
        "RUNTIME_COMPONENTS": "loopback",
        # Nothing is asked of, or sent to, the outside.
        "DISABLE_EVENTS": "1",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "DNS_ADDRESS": "0",
        "SQS_ENDPOINT_STRATEGY": "path",
        "SQS_DISABLE_CLOUDWATCH_METRICS": "1",
        "S3_SKIP_SIGNATURE_VALIDATION": "0",
        "LAMBDA_RUNTIME_EXECUTOR": "process",
        "LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT": "60",
        "LAMBDA_EVENT_SOURCE_MAPPING_POLL_INTERVAL_SEC": "0",
        "LINKAGE_API_NAME": "linkage",
        "LINKAGE_API_PORT": str(api_port),
        "LINKAGE_LAMBDA_PYTHON": str(python("runtime")),
        "LINKAGE_LAMBDA_LOGS": str(state / "logs" / "functions"),
    }
    if object_store:
        environment["LINKAGE_OBJECT_STORE"] = str(object_store)
    return Server(
        "localstack",
        f"http://{address}",
        (python("localstack"), "-m", "localstack.runtime.main"),
        lambda: is_listening(f"http://{address}"),
        environment,
    )


def delete_data(state: Path) -> None:
    """Delete the files of LocalStack and its functions."""
    for name in ("tmp", "localstack"):
        shutil.rmtree(state / name, ignore_errors=True)
