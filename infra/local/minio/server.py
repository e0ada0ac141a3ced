"""MinIO as a server of the stack: it stands in for S3 and STS, and enforces permissions as they do."""

import contextlib
from http import HTTPStatus
from pathlib import Path
from urllib.request import urlopen

from infra.local.kept_secrets import kept_secret
from infra.local.minio.program import program
from infra.local.servers import LOOPBACK, Server, free_port

TARGET = "INTAKE"
"""MinIO's name for the bridge's webhook."""

_ROOT_USER = "linkage-root"
# More than this many undelivered events would not be kept: as many uploads at once are not to be had here.
_EVENTS_KEPT = "100000"
# As the template's lifecycle rules say, which MinIO takes no such rule of.
_STALE_UPLOADS = "24h"


def prepare(data: Path, *, bridge_url: str, port: int | None = None) -> Server:
    """Prepare MinIO with its objects, its users and its undelivered events below `data`.

    It notifies the bridge of new objects. An event that the bridge does not take is kept in a file until it does, so
    that none is lost while either of the two, or LocalStack, is away.
    """
    address = f"{LOOPBACK}:{port or free_port()}"
    _, password = root_credentials(data)
    environment = {
        "MINIO_ROOT_USER": _ROOT_USER,
        "MINIO_ROOT_PASSWORD": password,
        "MINIO_BROWSER": "off",
        "MINIO_UPDATE": "off",
        "MINIO_REGION": "us-east-1",
        "MINIO_API_SYNC_EVENTS": "on",  # an event is in its file before the object is acknowledged
        "MINIO_API_STALE_UPLOADS_EXPIRY": _STALE_UPLOADS,
        f"MINIO_NOTIFY_WEBHOOK_ENABLE_{TARGET}": "on",
        f"MINIO_NOTIFY_WEBHOOK_ENDPOINT_{TARGET}": bridge_url,
        f"MINIO_NOTIFY_WEBHOOK_AUTH_TOKEN_{TARGET}": bridge_token(data),
        f"MINIO_NOTIFY_WEBHOOK_QUEUE_DIR_{TARGET}": str(data / "events"),
        f"MINIO_NOTIFY_WEBHOOK_QUEUE_LIMIT_{TARGET}": _EVENTS_KEPT,
    }
    url = f"http://{address}"
    command = (program(), "server", "--quiet", "--address", address, "--certs-dir", data / "certs", data / "objects")
    return Server("minio", url, command, lambda: _is_ready(url), environment)


def root_credentials(data: Path) -> tuple[str, str]:
    """Return the name and the password of MinIO's administrator; only the set-up uses them."""
    return _ROOT_USER, kept_secret(data / "minio.secret")


def bridge_token(data: Path) -> str:
    """Return the token by which the bridge knows MinIO: nobody else can send it events."""
    return kept_secret(data / "bridge.secret")


def _is_ready(url: str) -> bool:
    with contextlib.suppress(OSError), urlopen(f"{url}/minio/health/ready", timeout=1) as answer:
        return bool(answer.status == HTTPStatus.OK)
    return False
