"""Use cases about uploads: issue credentials for the object store, announce files there, send encodings directly.

Every way ends alike (see `linkage.receipts`): an upload's row, then its manifest in the store bucket, whose S3 event
starts the intake. The row comes first and holds the whole manifest, so that a manifest that was lost can be stored
again. An upload that is sent again is recognised before it is looked at: it was found to be right the first time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from linkage.encodings.block_files import check_origin, dump_block_file, order_by_record
from linkage.encodings.foreign_formats import check_content
from linkage.encodings.wire import join_encodings, needed_bytes
from linkage.errors import (
    AccessDenied,
    BlockingMismatch,
    CredentialsNotOffered,
    InvalidRequest,
    ObjectPathNotAllowed,
    UploadRejected,
)
from linkage.models import FileFormat, Manifest, Party, Project, StoreAccess, StoredFile, StoredObject
from linkage.ports import World
from linkage.projects import expected_encoding_size, identify_party
from linkage.receipts import begin_upload, find_announced, find_sent, repeat_upload
from linkage.store.folders import PartyFolder
from linkage.store.uploads import UploadStore
from linkage.tokens import fingerprint, new_id

_COUNT, _SIZE = "hash-count", "hash-size"
_MOST_DIGITS = 20
"""Digits of an announced number at most: enough for any of 63 bits."""


@dataclass(frozen=True, slots=True)
class DirectUpload:
    """Encodings in base64, and the ids of their blocks by record index; None is no blocking.

    `meta` is what came beside the blocks, as in a blocks file: it may say which encodings they were made for.
    """

    encodings: Sequence[str] = field(repr=False)
    blocks: Mapping[str, Sequence[str | int]] | None = field(repr=False)
    meta: object = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class BinaryUpload:
    """Encodings as raw bytes, one after the other; their number, and the size of each."""

    body: bytes = field(repr=False)
    count: int
    size: int


@dataclass(frozen=True, slots=True)
class Place:
    """Bucket and key of an announced file, as the client names them."""

    bucket: str
    key: str


@dataclass(frozen=True, slots=True)
class AnnouncedUpload:
    """Files in the object store: the encodings and, with blocking, their blocks."""

    encodings: Place
    blocks: Place | None

    @property
    def places(self) -> list[tuple[str, str]]:
        """Bucket and key of each file."""
        return [(place.bucket, place.key) for place in (self.encodings, self.blocks) if place is not None]


def permit_upload(project_id: str, token: str, world: World) -> StoreAccess:
    """Issue temporary credentials for the party's own folder in the uploads bucket.

    May be asked again at any time, so that a long upload is never cut off.
    """
    _, party = identify_party(project_id, token, world)
    if not world.settings.upload_credentials:
        raise CredentialsNotOffered
    path = PartyFolder(project_id, party.party_id, world).path
    credentials = world.credentials.issue_for_upload(path, session_name=party.party_id)
    if not world.projects.record_credentials(party.party_id, credentials.expiration):
        raise AccessDenied  # deleted a moment ago: nobody gets to see credentials that no sweep waits for
    settings = world.settings
    return StoreAccess(credentials, settings.upload_endpoint, settings.upload_secure, settings.uploads_bucket, path)


def receive_encodings(project_id: str, token: str, sent: DirectUpload, body: bytes, world: World) -> str:
    """Take encodings that came in the request itself, and return the receipt token.

    The request's body, as it came, tells whether it is a repeat: the same bytes again are the same upload.
    """
    project, party = identify_party(project_id, token, world)
    mark = fingerprint(token, b"clks", body)
    if (before := find_sent(party.party_id, mark, world)) is not None:
        return repeat_upload(before, token, world)
    _check_blocking(project, has_blocks=sent.blocks is not None)
    if not sent.encodings or sent.blocks == {}:
        raise InvalidRequest("Missing CLKs information")
    try:
        joined, blocks = _read_direct(sent)
    except UploadRejected as rejection:
        raise InvalidRequest(str(rejection)) from None
    return begin_upload(_park(joined, party, world, mark=mark, blocks=blocks), token, world)


def receive_binary(project_id: str, token: str, sent: BinaryUpload, world: World) -> str:
    """Take encodings that came in the request as raw bytes, and return the receipt token.

    There is no way to send blocks along: the records are in the one block of those who have no blocking, even if the
    project uses blocking.
    """
    project, party = identify_party(project_id, token, world)
    mark = fingerprint(token, b"binaryclks", f"{sent.count} {sent.size}".encode(), sent.body)
    if (before := find_sent(party.party_id, mark, world)) is not None:
        return repeat_upload(before, token, world)
    settings = world.settings
    if sent.count < 1:
        raise InvalidRequest("Invalid value for Hash-Count header")
    if not settings.min_encoding_size <= sent.size <= settings.max_encoding_size:
        raise InvalidRequest("Invalid value for Hash-Size header")
    if sent.size != (project.encoding_size or expected_encoding_size(project) or sent.size):
        raise InvalidRequest("Upload 'Hash-Size' doesn't match project settings")
    if len(sent.body) != sent.count * sent.size:
        raise InvalidRequest("Uploaded data did not match the expected size. Check request headers are correct")
    try:
        check_content(sent.body, sent.size)
    except UploadRejected as rejection:
        raise InvalidRequest(str(rejection)) from None
    return begin_upload(_park(sent, party, world, mark=mark), token, world)


def announce_files(project_id: str, token: str, announced: AnnouncedUpload, world: World) -> str:
    """Record the files that the party put in the object store, and return the receipt token.

    The files are pinned by their present ETags, so that a file that is changed later is refused, not compared.
    """
    project, party = identify_party(project_id, token, world)
    _check_blocking(project, has_blocks=announced.blocks is not None)
    folder = PartyFolder(project_id, party.party_id, world)
    if not all(folder.contains(bucket, key) for bucket, key in announced.places):
        raise ObjectPathNotAllowed
    if (before := find_announced(party.party_id, announced.places, world)) is not None:
        return repeat_upload(before, token, world)
    try:
        manifest = _pin_announced(announced, party, world)
    except InvalidRequest:
        # Sent twice at once, the other one may be stored and taken in by now, and the files gone.
        if (before := find_announced(party.party_id, announced.places, world)) is None:
            raise
        return repeat_upload(before, token, world)
    _check_announced(manifest, world)
    return begin_upload(manifest, token, world)


def _pin_announced(announced: AnnouncedUpload, party: Party, world: World) -> Manifest:
    """Return the manifest of the files as they are now."""
    encodings, stored = _pin(announced.encodings, world)
    return Manifest(
        project_id=party.project_id,
        party_id=party.party_id,
        upload_id=new_id(),
        encodings=encodings,
        format=_supposed_format(encodings.key),
        encoding_count=_announced_number(stored, _COUNT),
        encoding_size=_announced_number(stored, _SIZE),
        blocks=None if announced.blocks is None else _pin(announced.blocks, world)[0],
    )


def _read_direct(sent: DirectUpload) -> tuple[BinaryUpload, bytes | None]:
    """Return the encodings of a request as raw bytes, and their blocks as a file, by the rules that hold for files."""
    raw, count = bytearray(), len(sent.encodings)
    size = join_encodings(sent.encodings, raw)
    check_content(raw, size)
    if sent.blocks is None:
        return BinaryUpload(bytes(raw), count, size), None
    check_origin(sent.meta, count)
    return BinaryUpload(bytes(raw), count, size), dump_block_file(order_by_record(sent.blocks, count))


def _check_blocking(project: Project, *, has_blocks: bool) -> None:
    """Raise `BlockingMismatch` if the upload does not fit the project's blocking setting."""
    if project.uses_blocking and not has_blocks:
        raise BlockingMismatch('Expecting blocking information. Either in "blocks" or "clksnblocks"')
    if has_blocks and not project.uses_blocking:
        raise BlockingMismatch("Blocking has been disabled for this project, but received blocking information")


def _park(sent: BinaryUpload, party: Party, world: World, *, mark: str, blocks: bytes | None = None) -> Manifest:
    """Park encodings and blocks of a request in the store bucket until their intake, and return their manifest.

    If this dies before the upload's row is stored, the parked objects are never used, and expire.
    """
    parked = UploadStore(party.project_id, new_id(), world)
    return Manifest(
        project_id=party.project_id,
        party_id=party.party_id,
        upload_id=parked.upload_id,
        encodings=parked.park_encodings(sent.body),
        format=FileFormat.BINARY,
        encoding_count=sent.count,
        encoding_size=sent.size,
        blocks=None if blocks is None else parked.park_blocks(blocks),
        fingerprint=mark,
    )


def _pin(place: Place, world: World) -> tuple[StoredFile, StoredObject]:
    """Return an announced file, pinned by its present ETag, and the object itself."""
    stored = world.objects.head(place.bucket, place.key)
    if stored is None:
        raise InvalidRequest(
            f"There is no object {place.key} in bucket {place.bucket}: upload it before you announce it"
        )
    return StoredFile(bucket=place.bucket, key=place.key, etag=stored.etag, size_bytes=stored.size_bytes), stored


def _supposed_format(key: str) -> FileFormat:
    """Return the format that the file's name says. Intake decides it by the whole file; the version before did not."""
    return FileFormat.JSON if key.endswith(".json") else FileFormat.BINARY


def _announced_number(stored: StoredObject, name: str) -> int:
    """Read a positive number from the object's metadata."""
    text = stored.metadata.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS and 0 < int(text) < 2**63):
        raise InvalidRequest(f"The object's metadata '{name}' must be a positive whole number (x-amz-meta-{name})")
    return int(text)


def _check_announced(manifest: Manifest, world: World) -> None:
    """Raise `InvalidRequest` if the announced number and size would need too much memory.

    A size that no project can have is not refused here: clients of the original expect a 201, then the project's error.
    """
    allowed = world.settings.max_upload_bytes
    if needed_bytes(manifest.encoding_count, manifest.encoding_size) > allowed:
        most = allowed // needed_bytes(1, manifest.encoding_size)
        raise InvalidRequest(f"'{_COUNT}' is {manifest.encoding_count}, an upload can have at most {most} of that size")
