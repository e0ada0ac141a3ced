"""Use case of the intake worker: read an upload once, check it, and write its encoding set."""

import logging
from functools import partial

import numpy as np

from linkage.encodings.block_files import read_block_file
from linkage.encodings.block_tables import BLOCK
from linkage.encodings.encoding_files import read_encoding_file, read_raw
from linkage.encodings.encoding_sets import Encodings, EncodingSet, Memberships, load_encodings, sort_encodings
from linkage.encodings.foreign_formats import check_content
from linkage.encodings.wire import MEMBERSHIP_COST, TOLERATED_SIZE, Announcement, needed_bytes
from linkage.ending import reject_upload
from linkage.errors import UploadRejected
from linkage.models import Manifest, Upload, UploadState
from linkage.ports import World
from linkage.projects import expected_encoding_size, schema_encoding_size
from linkage.runs import send_waiting_runs
from linkage.store.encoding_sets import EncodingSetStore
from linkage.store.folders import remove_if_unchanged
from linkage.store.uploads import UploadStore

logger = logging.getLogger(__name__)


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
    _remove_raw(manifest, world)
    stored.remove_manifest()


def _remove_raw(manifest: Manifest, world: World) -> None:
    """Remove the upload's own files, but none that the party announced anew, as they are, since this upload failed."""
    now = world.uploads.contribution(manifest.party_id)
    kept = () if now is None or now.upload_id == manifest.upload_id else now.manifest.files
    for file in manifest.files:
        if file not in kept:
            remove_if_unchanged(file, world)


def _make_ready(upload: Upload, world: World) -> None:
    """Write the upload's encoding set and make the upload ready; remove the set if the upload is rejected or gone."""
    manifest = upload.manifest
    stored = EncodingSetStore.of(manifest.project_id, manifest.party_id, manifest.upload_id, world)
    try:
        encoding_set = _read_upload(manifest, world)
        stored.write(encoding_set)
        abandoned = not _finish(manifest, encoding_set.encodings, world)
    except UploadRejected as rejection:
        abandoned = reject_upload(upload, str(rejection), world)
    except Exception:
        if world.uploads.get(upload.upload_id) is not None:
            raise
        logger.info("upload %s was deleted: its encodings are dropped", upload.upload_id)
        abandoned = True
    if abandoned:
        stored.remove()


def _read_upload(manifest: Manifest, world: World) -> EncodingSet:
    """Read each pinned file in bounded memory, check it, and sort the encodings."""
    raw, size = _read_encodings(manifest, world)
    check_content(raw, size)
    return sort_encodings(load_encodings(raw, size), _read_memberships(manifest, size, world))


def _read_encodings(manifest: Manifest, world: World) -> tuple[bytearray, int]:
    """Return the encodings' raw bytes, and the size of each.

    A file that the service itself parked is raw bytes of the size that it says. One that a party announced is what it
    turns out to be, whatever `Manifest.format` says, which the version before went by.
    """
    settings, file = world.settings, manifest.encodings
    announced = Announcement(
        manifest.encoding_count,
        manifest.encoding_size,
        settings.min_encoding_size,
        settings.max_encoding_size,
        settings.max_upload_bytes,
    )
    is_parked = UploadStore(manifest.project_id, manifest.upload_id, world).is_parked(file)
    if is_parked or announced.size != TOLERATED_SIZE:
        announced.check_size(announced.size)
    if is_parked:
        with world.objects.open(file) as stream:
            return read_raw(stream, file.size_bytes), announced.size
    own_blocks = {"blocks"} if manifest.blocks is not None and manifest.blocks.key == file.key else set()
    return read_encoding_file(partial(world.objects.open, file), file.size_bytes, announced, ignored=own_blocks)


def _read_memberships(manifest: Manifest, size: int, world: World) -> Memberships | None:
    """Read the memberships of records in blocks; None if the upload has no blocking."""
    if manifest.blocks is None:
        return None
    count = manifest.encoding_count
    room = world.settings.max_upload_bytes - needed_bytes(count, size)
    with world.objects.open(manifest.blocks) as stream:
        keys, records = read_block_file(stream, count, most_rows=max(0, room) // MEMBERSHIP_COST)
    return Memberships(np.frombuffer(keys, dtype=BLOCK["key"]), np.frombuffer(records, dtype=np.uint32))


def _finish(manifest: Manifest, encodings: Encodings, world: World) -> bool:
    """Make the upload ready; False if it is gone. Raise `UploadRejected` if its encoding size is not the project's."""
    project = world.projects.get(manifest.project_id)
    if project is None:
        return False
    size = encodings.shape[1]
    by_schema = schema_encoding_size(project)
    if by_schema is not None and by_schema < size == TOLERATED_SIZE and encodings[:, by_schema:].any():
        raise UploadRejected(_mismatch(size, by_schema))  # only what was filled up with zeros is what the schema says
    expected = expected_encoding_size(project)
    of_project = world.uploads.finish(manifest.upload_id, encoding_size=size, expected_size=expected, now=world.now())
    if of_project is not None and of_project != size:
        raise UploadRejected(_mismatch(size, of_project))
    return of_project is not None


def _mismatch(size: int, of_project: int) -> str:
    return f"Mismatch in encoding sizes: its encodings have {size} bytes, the project's {of_project}"
