"""The S3 events that start an intake."""

import json
from urllib.parse import unquote_plus

from linkage.store.object_keys import MANIFEST_PREFIX


def manifest_keys(body: str) -> list[str]:
    """Return the keys of the manifests that an S3 event notification tells of.

    S3's test event, sent when the notification is set up, tells of none. AWS writes a space in a key as ``+``,
    LocalStack as ``%20``: both are undone.
    """
    keys = (unquote_plus(record["s3"]["object"]["key"]) for record in json.loads(body).get("Records", []))
    return [key for key in keys if key.startswith(MANIFEST_PREFIX)]


def upload_of(manifest_key: str) -> tuple[str, str]:
    """Return project and upload whose manifest lies under the key."""
    *_, project_id, name = manifest_key.split("/")
    return project_id, name.removesuffix(".json")
