"""Use case of the intake worker: read an upload once, check it, and write its encoding set."""

import logging

import numpy as np

from linkage.encodings.block_files import read_block_file
from linkage.encodings.block_tables import BLOCK
from linkage.encodings.encoding_sets import EncodingSet, Memberships, sort_encodings
from linkage.encodings.wire import MEMBERSHIP_COST, check_size, needed_bytes, read_binary, read_json
from linkage.ending import reject_upload
from linkage.errors import UploadRejected
from linkage.models import FileFormat, Manifest, Upload, UploadState
from linkage.ports import World
from linkage.projects import expected_encoding_size
from linkage.runs import send_waiting_runs
from linkage.store.encoding_sets import EncodingSetStore
from linkage.store.folders import remove_if_unchanged
from linkage.store.uploads import UploadStore

logger = logging.getLogger(__name__)

_READERS = {FileFormat.JSON: read_json, FileFormat.BINARY: read_binary}


def take_in_upload(manifest_key: str, world: World) -> None:
    """Make an upload ready to be compared, or reject it with the reason; its manifest starts this.

    Safe to repeat: the encoding set is a function of the pinned file and is written under the upload's own keys; the
    state moves once; the raw upload and the manifest are removed last, and a repeat that finds no manifest has nothing
    to do. Waiting runs are sent on again by a repeat, because the first attempt may have died before it could.
    """
    stored = UploadStore.of_manifest(manifest_key, world)
    manifest = stored.read_manifest()
    if manifest is None:
        return
    upload = world.uploads.get(manifest.upload_id)
    if upload is not None and upload.state is UploadState.RECEIVED:
        _make_ready(upload, world)
    if upload is not None:
        send_waiting_runs(manifest.project_id, world)
    for file in (manifest.encodings, manifest.blocks):
        if file is not None:
            remove_if_unchanged(file, world)
    stored.remove_manifest()


def _make_ready(upload: Upload, world: World) -> None:
    """Write the upload's encoding set and make the upload ready; remove the set if the upload is rejected or gone."""
    manifest = upload.manifest
    stored = EncodingSetStore.of(manifest.project_id, manifest.party_id, manifest.upload_id, world)
    try:
        _check_sizes(manifest, world)
        stored.write(_read_upload(manifest, world))
        abandoned = not _finish(manifest, world)
    except UploadRejected as rejection:
        abandoned = reject_upload(upload, str(rejection), world)
    except Exception:
        if world.uploads.get(upload.upload_id) is not None:
            raise
        logger.info("upload %s was deleted: its encodings are dropped", upload.upload_id)
        abandoned = True
    if abandoned:
        stored.remove()


def _check_sizes(manifest: Manifest, world: World) -> None:
    settings = world.settings
    check_size(manifest.encoding_size, smallest=settings.min_encoding_size, largest=settings.max_encoding_size)


def _read_upload(manifest: Manifest, world: World) -> EncodingSet:
    """Read each pinned file once, in bounded memory, and sort the encodings."""
    encodings = np.zeros((manifest.encoding_count, manifest.encoding_size), dtype=np.uint8)
    with world.objects.open(manifest.encodings) as stream:
        _READERS[manifest.format](stream, encodings.reshape(-1).data, manifest.encoding_size)
    return sort_encodings(encodings, _read_memberships(manifest, world))


def _read_memberships(manifest: Manifest, world: World) -> Memberships | None:
    """Read the memberships of records in blocks; None if the upload has no blocking."""
    if manifest.blocks is None:
        return None
    count = manifest.encoding_count
    room = world.settings.max_upload_bytes - needed_bytes(count, manifest.encoding_size)
    with world.objects.open(manifest.blocks) as stream:
        keys, records = read_block_file(stream, count, most_rows=max(0, room) // MEMBERSHIP_COST)
    return Memberships(np.frombuffer(keys, dtype=BLOCK["key"]), np.frombuffer(records, dtype=np.uint32))


def _finish(manifest: Manifest, world: World) -> bool:
    """Make the upload ready; False if it is gone. Raise `UploadRejected` if its encoding size is not the project's."""
    project = world.projects.get(manifest.project_id)
    if project is None:
        return False
    size = world.uploads.finish(manifest.upload_id, expected_size=expected_encoding_size(project), now=world.now())
    if size is not None and size != manifest.encoding_size:
        raise UploadRejected(
            f"Mismatch in encoding sizes: its encodings have {manifest.encoding_size} bytes, the project's {size}"
        )
    return size is not None
