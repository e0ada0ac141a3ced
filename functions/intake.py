"""Worker of the intake queue: take in uploads, each of which is announced by the S3 event of its manifest."""

from typing import Any

from functions.batch import for_each_body, logger
from functions.environment import world
from linkage.intake import take_in_upload
from linkage.store.events import manifest_keys, upload_of


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Take in the uploads whose manifests the S3 events in the messages name."""
    return for_each_body(event, _take_in)


def _take_in(body: str) -> None:
    for key in manifest_keys(body):
        project_id, upload_id = upload_of(key)
        logger.append_keys(project_id=project_id, upload_id=upload_id)
        take_in_upload(key, world())
