"""Receipts of uploads: whoever sends the same upload again gets the same receipt, as the first answer may be lost.

A receipt opens the upload's state, and the reason if it failed (`describe_upload`). Later, an upload that is sent in
parts and the report of its intake are told there too.

A receipt token is derived from the upload's id and the update token, so that it can be answered again though the
service stores hashes of tokens alone. What makes two uploads the same is in their manifests: a fingerprint of the
request that carried the encodings, or the files that were announced, as they were.
"""

from dataclasses import dataclass

from linkage.errors import AccessDenied, NoUploadYet, TokenAlreadyUsed
from linkage.models import Manifest, StoredFile, Upload, UploadState
from linkage.ports import World
from linkage.store.uploads import UploadStore
from linkage.timing import arm_timer
from linkage.tokens import derive_token, hash_token, verify_token


@dataclass(frozen=True, slots=True)
class UploadStatus:
    """An upload, and the index of its party's data set."""

    upload: Upload
    dataset_index: int


def begin_upload(manifest: Manifest, token: str, world: World) -> str:
    """Store the upload's row, then the manifest that starts its intake; return the receipt token.

    Safe to repeat, at the same time too: if the party has the same upload already, the receipt is that one's. Raises
    `TokenAlreadyUsed` if it has another one. Encodings that were parked for an upload that did not begin are removed.
    """
    receipt_token = derive_token(token, manifest.upload_id)
    upload = Upload(
        upload_id=manifest.upload_id,
        project_id=manifest.project_id,
        party_id=manifest.party_id,
        receipt_token_hash=hash_token(receipt_token),
        manifest=manifest,
        state=UploadState.RECEIVED,
        time_added=world.now(),
    )
    try:
        stored = world.uploads.begin(upload)
    except AccessDenied:
        _remove_parked(manifest, world)
        raise
    if stored.upload_id == upload.upload_id:
        _start_intake(stored, world)
        return receipt_token
    _remove_parked(manifest, world)
    if not _is_same(stored.manifest, manifest):
        raise TokenAlreadyUsed
    return repeat_upload(stored, token, world)


def repeat_upload(upload: Upload, token: str, world: World) -> str:
    """Return the receipt token of an upload that is sent again.

    Its intake is started again where the first attempt may have died before it could, and where files may have been put
    again: the intake removes them, as it removes those that were put first. Raises `TokenAlreadyUsed` if the receipt
    cannot be told again, because a version before this one drew it at random.
    """
    receipt_token = derive_token(token, upload.upload_id)
    if not verify_token(receipt_token, upload.receipt_token_hash):
        raise TokenAlreadyUsed
    if upload.state is UploadState.RECEIVED or upload.manifest.fingerprint is None:
        _start_intake(upload, world)
    return receipt_token


def describe_upload(project_id: str, upload_id: str, token: str, world: World) -> UploadStatus:
    """Return an upload in whatever state: to its party's update token, its receipt token, or the result token."""
    project, upload = world.projects.get(project_id), world.uploads.get(upload_id)
    if project is None or upload is None or upload.project_id != project_id:
        raise AccessDenied
    party = next((each for each in world.projects.parties(project_id) if each.party_id == upload.party_id), None)
    if party is None:
        raise AccessDenied
    opening = (party.update_token_hash, upload.receipt_token_hash, project.result_token_hash)
    if not any(verify_token(token, token_hash) for token_hash in opening):
        raise AccessDenied
    return UploadStatus(upload, party.dataset_index)


def describe_own_upload(project_id: str, token: str, world: World) -> UploadStatus:
    """Return the upload to which a receipt token belongs, or the newest one of an update token's party.

    Raises `NoUploadYet` if the party has none, and `AccessDenied` for every other token.
    """
    parties = world.projects.parties(project_id)
    own = next((party for party in parties if verify_token(token, party.update_token_hash)), None)
    if own is not None:
        upload = world.uploads.newest(own.party_id)
        if upload is None:
            raise NoUploadYet
        return UploadStatus(upload, own.dataset_index)
    upload = world.uploads.of_receipt(project_id, hash_token(token))
    if upload is None:
        raise AccessDenied
    return describe_upload(project_id, upload.upload_id, token, world)


def find_sent(party_id: str, fingerprint: str, world: World) -> Upload | None:
    """Return the party's upload that a request with this fingerprint began; None if there is none, or it failed."""
    upload = world.uploads.contribution(party_id)
    return upload if upload is not None and upload.manifest.fingerprint == fingerprint else None


def find_announced(party_id: str, places: list[tuple[str, str]], world: World) -> Upload | None:
    """Return the party's upload of the files at these places; None if there is none, or it failed.

    Parameters
    ----------
    places
        Bucket and key of the encodings and, with blocking, of their blocks. A file that is there must be the one that
        was announced; one that is not was removed by the intake.
    """
    upload = world.uploads.contribution(party_id)
    if upload is None or upload.manifest.fingerprint is not None:
        return None
    files = upload.manifest.files
    same_places = [(file.bucket, file.key) for file in files] == places
    return upload if same_places and all(_is_unchanged(file, world) for file in files) else None


def _is_unchanged(file: StoredFile, world: World) -> bool:
    """Tell whether the object is still the pinned one, or is gone."""
    found = world.objects.head(file.bucket, file.key)
    return found is None or (found.etag, found.size_bytes) == (file.etag, file.size_bytes)


def _is_same(one: Manifest, other: Manifest) -> bool:
    if one.fingerprint is not None or other.fingerprint is not None:
        return one.fingerprint == other.fingerprint
    return (one.encodings, one.blocks) == (other.encodings, other.blocks)


def _remove_parked(manifest: Manifest, world: World) -> None:
    """Remove the encodings and blocks that came in a request; announced files stay, as their party put them."""
    if manifest.fingerprint is not None:
        UploadStore(manifest.project_id, manifest.upload_id, world).remove_parked()


def _start_intake(upload: Upload, world: World) -> None:
    try:
        UploadStore(upload.project_id, upload.upload_id, world).put_manifest(upload.manifest)
    finally:
        arm_timer(world)  # the reconciler stores it where that failed
