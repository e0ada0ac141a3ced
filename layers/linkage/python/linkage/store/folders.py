"""The uploads bucket: a folder for each party, in which it puts files with its temporary credentials.

This module needs no numpy, so that the API can use it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from linkage.models import StoredFile, StoredObject
from linkage.ports import World
from linkage.store import object_keys


@dataclass(frozen=True, slots=True)
class PartyFolder:
    """A party's own folder."""

    project_id: str
    party_id: str
    world: World = field(repr=False)

    @property
    def path(self) -> str:
        """The folder's prefix, without a slash at its end."""
        return object_keys.party_prefix(self.project_id, self.party_id)

    def contains(self, bucket: str, key: str) -> bool:
        """Tell whether a key that a client names lies in the folder; there need be no object."""
        return bucket == self.world.settings.uploads_bucket and object_keys.lies_under(self.path, key)


def list_raw_uploads(world: World) -> Iterator[tuple[str, StoredObject]]:
    """Yield the id of its project and the object itself, for each object of the uploads bucket."""
    for stored in world.objects.list(world.settings.uploads_bucket, ""):
        yield object_keys.project_of(stored.key), stored


def remove_raw_uploads(keys: Iterable[str], world: World) -> None:
    """Remove objects of the uploads bucket."""
    world.objects.delete(world.settings.uploads_bucket, keys)


def remove_if_unchanged(file: StoredFile, world: World) -> None:
    """Remove an uploaded file, unless the party has put another one in its place since it was announced."""
    stored = world.objects.head(file.bucket, file.key)
    if stored is not None and stored.etag == file.etag:
        world.objects.delete(file.bucket, [file.key])
