"""Use cases about uploads: credentials for the object store, files announced there, and encodings sent directly.

All ways end in the same: an upload's row, then its manifest in the store bucket, whose S3 event starts the intake. The
row comes first and holds all that the manifest says, so that a manifest that was lost can be made again.
"""

from dataclasses import dataclass

from linkage import object_keys
from linkage.encodings import join_encodings
from linkage.errors import (
    AccessDenied,
    CredentialsNotOffered,
    EncodingsRefused,
    InvalidRequest,
    ObjectPathNotAllowed,
    TokenAlreadyUsed,
)
from linkage.models import (
    Credentials,
    FileFormat,
    Manifest,
    Party,
    Project,
    StoredFile,
    StoredObject,
    Upload,
    UploadState,
)
from linkage.ports import World
from linkage.projects import identify_party
from linkage.timing import arm_timer
from linkage.tokens import hash_token, new_id, new_token

_COUNT, _SIZE = "hash-count", "hash-size"


@dataclass(frozen=True, slots=True)
class UploadPermit:
    """Where and with what a party can put its files."""

    credentials: Credentials
    endpoint: str
    secure: bool
    bucket: str
    path: str


def permit_upload(project_id: str, token: str, world: World) -> UploadPermit:
    """Issue temporary credentials for the party's own place in the uploads bucket.

    May be asked again at any time, so that a long upload is never cut off.
    """
    _, party = identify_party(project_id, token, world)
    if not world.settings.upload_credentials:
        raise CredentialsNotOffered
    path = object_keys.party_prefix(project_id, party.party_id)
    credentials = world.credentials.issue(path, session_name=party.party_id)
    if not world.projects.note_credentials(party.party_id, credentials.expiration):
        raise AccessDenied  # deleted a moment ago: nobody gets to see credentials that no sweep waits for
    settings = world.settings
    return UploadPermit(credentials, settings.upload_endpoint, settings.upload_secure, settings.uploads_bucket, path)


def receive_encodings(project_id: str, token: str, encodings: list[object], world: World) -> str:
    """Take encodings that came in the request itself, and return the receipt token.

    They are parked in the store bucket as raw bytes. If this dies before the upload's row is kept, the parked object is
    never used and expires.
    """
    project, party = _check_party(project_id, token, world)
    joined, size = join_encodings(encodings)
    upload_id = new_id()
    key = object_keys.parked(project_id, upload_id)
    parked = world.objects.put(world.settings.store_bucket, key, joined)
    manifest = Manifest(
        project_id=project.project_id,
        party_id=party.party_id,
        upload_id=upload_id,
        encodings=parked,
        format=FileFormat.BINARY,
        encoding_count=len(encodings),
        encoding_size=size,
    )
    try:
        return _begin_upload(manifest, world)
    except (TokenAlreadyUsed, AccessDenied):
        world.objects.delete(parked.bucket, [key])
        raise


def announce_file(project_id: str, token: str, bucket: str, key: str, world: World) -> str:
    """Take note of a file of encodings that the party put in the object store, and return the receipt token.

    The file is looked at now and pinned by its ETag: what is compared is what was announced.
    """
    _, party = _check_party(project_id, token, world)
    path = object_keys.party_prefix(project_id, party.party_id)
    if bucket != world.settings.uploads_bucket or not key.startswith(f"{path}/"):
        raise ObjectPathNotAllowed
    found = world.objects.look_at(bucket, key)
    if found is None:
        raise InvalidRequest(f"There is no object {key} in bucket {bucket}: upload it before you announce it")
    manifest = Manifest(
        project_id=project_id,
        party_id=party.party_id,
        upload_id=new_id(),
        encodings=StoredFile(bucket=bucket, key=key, etag=found.etag, size_bytes=found.size_bytes),
        format=FileFormat.JSON if key.endswith(".json") else FileFormat.BINARY,
        encoding_count=_announced_number(found, _COUNT),
        encoding_size=_announced_number(found, _SIZE),
    )
    _check_announced(manifest, world)
    return _begin_upload(manifest, world)


def _check_party(project_id: str, token: str, world: World) -> tuple[Project, Party]:
    """Return the project and the party that may upload now."""
    project, party = identify_party(project_id, token, world)
    if project.uses_blocking:
        raise EncodingsRefused('Expecting blocking information. Either in "blocks" or "clksnblocks"')
    return project, party


def _announced_number(found: StoredObject, name: str) -> int:
    """Read a positive number from the object's metadata."""
    text = found.metadata.get(name, "")
    if not (text.isascii() and text.isdigit() and 0 < int(text[:20]) < 2**63):
        raise InvalidRequest(f"The object's metadata '{name}' must be a positive whole number (x-amz-meta-{name})")
    return int(text)


def _check_announced(manifest: Manifest, world: World) -> None:
    """Refuse what can be seen to be too much without reading it."""
    settings = world.settings
    if manifest.encoding_size > settings.max_encoding_size:
        raise InvalidRequest(
            f"Encoding size out of configured bounds: '{_SIZE}' is {manifest.encoding_size} bytes,"
            f" allowed are {settings.min_encoding_size} to {settings.max_encoding_size}"
        )
    if manifest.encoding_count * manifest.encoding_size > settings.max_upload_bytes:
        raise InvalidRequest(f"An upload can have at most {settings.max_upload_bytes} bytes of encodings")


def _begin_upload(manifest: Manifest, world: World) -> str:
    """Keep the upload's row, then store the manifest that starts its intake; return the receipt token."""
    receipt_token = new_token()
    upload = Upload(
        upload_id=manifest.upload_id,
        project_id=manifest.project_id,
        party_id=manifest.party_id,
        receipt_token_hash=hash_token(receipt_token),
        manifest=manifest,
        state=UploadState.RECEIVED,
        time_added=world.now(),
    )
    world.uploads.begin(upload)
    store_manifest(manifest, world)
    arm_timer(world)
    return receipt_token


def store_manifest(manifest: Manifest, world: World) -> None:
    """Store the manifest, and so have S3 tell the intake queue."""
    key = object_keys.manifest(manifest.project_id, manifest.upload_id)
    world.objects.put(world.settings.store_bucket, key, manifest.model_dump_json().encode())
