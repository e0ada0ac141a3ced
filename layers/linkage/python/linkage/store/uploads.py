"""Stored objects of an upload until it is taken in: its manifest, and encodings and blocks that came in a request.

This module needs no numpy, so that the API can use it.
"""

from dataclasses import dataclass, field
from typing import Self

from linkage.models import Manifest, StoredFile
from linkage.ports import World
from linkage.store import object_keys
from linkage.store.events import upload_of


@dataclass(frozen=True, slots=True)
class UploadStore:
    """The objects of one upload in the store bucket."""

    project_id: str
    upload_id: str
    world: World = field(repr=False)

    @classmethod
    def of_manifest(cls, manifest_key: str, world: World) -> Self:
        """Return the upload to which a manifest belongs."""
        return cls(*upload_of(manifest_key), world)

    def put_manifest(self, manifest: Manifest) -> None:
        """Store the manifest, which makes S3 send an event to the intake queue."""
        self.world.objects.put(self._bucket, self._manifest_key, manifest.model_dump_json().encode())

    def read_manifest(self) -> Manifest | None:
        """Return the manifest; None if there is none, or no more."""
        body = self.world.objects.get(self._bucket, self._manifest_key)
        return None if body is None else Manifest.model_validate_json(body)

    def remove_manifest(self) -> None:
        """Remove the manifest: the upload is taken in."""
        self.world.objects.delete(self._bucket, [self._manifest_key])

    def park_encodings(self, body: bytes) -> StoredFile:
        """Keep encodings that came in a request until they are taken in."""
        return self.world.objects.put(self._bucket, self._parked_keys[0], body)

    def park_blocks(self, body: bytes) -> StoredFile:
        """Keep blocks that came in a request until they are taken in."""
        return self.world.objects.put(self._bucket, self._parked_keys[1], body)

    def is_parked(self, file: StoredFile) -> bool:
        """Tell whether a file of the manifest came in a request, so that the service itself wrote it."""
        return file.bucket == self._bucket

    def remove_parked(self) -> None:
        """Remove encodings and blocks that came in a request."""
        self.world.objects.delete(self._bucket, self._parked_keys)

    @property
    def _bucket(self) -> str:
        return self.world.settings.store_bucket

    @property
    def _manifest_key(self) -> str:
        return object_keys.manifest(self.project_id, self.upload_id)

    @property
    def _parked_keys(self) -> tuple[str, str]:
        ids = self.project_id, self.upload_id
        return object_keys.parked_encodings(*ids), object_keys.parked_blocks(*ids)
