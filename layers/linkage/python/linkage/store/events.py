"""S3 events that start an intake."""

import json
from urllib.parse import unquote_plus

from linkage.store.object_keys import MANIFEST_PREFIX


def manifest_keys(body: str) -> list[str]:
    """Return the keys of the manifests in an S3 event notification.

    S3's test event, sent when the notification is set up, has none. AWS writes a space in a key as ``+``,
    LocalStack as ``%20``: both are undone.
    """
    keys = (unquote_plus(record["s3"]["object"]["key"]) for record in json.loads(body).get("Records", []))
    return [key for key in keys if key.startswith(MANIFEST_PREFIX)]


def upload_of(manifest_key: str) -> tuple[str, str]:
    """Return the ids of the project and the upload to which a manifest belongs."""
    *_, project_id, name = manifest_key.split("/")
    return project_id, name.removesuffix(".json")
