"""The bridge from MinIO's webhook to the intake queue, as a server of the stack."""

from pathlib import Path

from infra.local.environments import ROOT, python
from infra.local.minio import bridge
from infra.local.minio.server import bridge_token
from infra.local.servers import LOOPBACK, Server, is_listening


def prepare(data: Path, *, port: int, sqs_url: str, queue_url: str) -> Server:
    """Prepare the bridge to a queue, at the port of MinIO's webhook URL."""
    environment = {
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        bridge.TOKEN: bridge_token(data),
        "AWS_ENDPOINT_URL_SQS": sqs_url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    url = webhook_url(port)
    command = (python("development"), "-m", "infra.local.minio.bridge", str(port), queue_url)
    return Server("bridge", url, command, lambda: is_listening(url), environment)


def webhook_url(port: int) -> str:
    """Return the URL at which the bridge receives events."""
    return f"http://{LOOPBACK}:{port}/events"
