"""An object store in memory."""

import hashlib
import io
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO

from linkage.errors import UploadRejected
from linkage.models import (
    StoredFile,
    StoredObject,
)
from linkage.ports import Writer


@dataclass
class MemoryObjects:
    """See `linkage.ports.Objects`. `stored` holds body and metadata by bucket and key."""

    stored: dict[tuple[str, str], tuple[bytes, dict[str, str]]] = field(default_factory=dict)
    multipart_uploads: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    clock: Callable[[], datetime] | None = None
    times: dict[tuple[str, str], datetime] = field(default_factory=dict)

    def get(self, bucket: str, key: str) -> bytes | None:
        """Return the whole object, or None."""
        found = self.stored.get((bucket, key))
        return None if found is None else found[0]

    def get_range(self, bucket: str, key: str, start: int, stop: int) -> bytes:
        """Return the bytes from ``start`` up to, not including, ``stop``; fails if the object has fewer."""
        body = self.stored[bucket, key][0][start:stop]
        if len(body) != stop - start:
            raise EOFError(f"{key} ends before byte {stop}")
        return body

    def get_fixed(self, bucket: str, key: str, start: int, stop: int) -> memoryview:
        """Return the same of an object that never changes."""
        return memoryview(self.get_range(bucket, key, start, stop))

    @contextmanager
    def open(self, file: StoredFile) -> Iterator[BinaryIO]:
        """Stream the object as it was pinned; raises `UploadRejected` if it is gone or was changed."""
        body = self.get(file.bucket, file.key)
        if body is None:
            raise UploadRejected("the file was removed after it was announced")
        if _etag(body) != file.etag:
            raise UploadRejected("the file was changed after it was announced")
        yield io.BytesIO(body)

    def head(self, bucket: str, key: str) -> StoredObject | None:
        """Return the object's size, ETag and metadata, or None."""
        found = self.stored.get((bucket, key))
        return None if found is None else StoredObject(key, len(found[0]), _etag(found[0]), dict(found[1]))

    def put(self, bucket: str, key: str, body: bytes, *, metadata: dict[str, str] | None = None) -> StoredFile:
        """Store the object, over any that is there."""
        self.stored[bucket, key] = bytes(body), metadata or {}
        if self.clock is not None:
            self.times[bucket, key] = self.clock()
        return StoredFile(bucket=bucket, key=key, etag=_etag(body), size_bytes=len(body))

    @contextmanager
    def writer(self, bucket: str, key: str) -> Iterator[Writer]:
        """Store an object piece by piece, over any that is there; nobody sees it before it is whole."""
        body = io.BytesIO()
        yield body
        self.put(bucket, key, body.getvalue())

    def put_if_absent(self, bucket: str, key: str, body: bytes) -> bool:
        """Store the object unless there is one; False if there is."""
        if (bucket, key) in self.stored:
            return False
        self.put(bucket, key, body)
        return True

    def list(self, bucket: str, prefix: str) -> Iterator[StoredObject]:
        """Yield the objects whose keys begin with the prefix, in the order of their keys."""
        for where, key in sorted(self.stored):
            if where == bucket and key.startswith(prefix):
                yield StoredObject(key, len(self.stored[where, key][0]), time_modified=self.times.get((where, key)))

    def delete(self, bucket: str, keys: Iterable[str]) -> None:
        """Remove the objects; one that is not there is no error."""
        for key in list(keys):
            self.stored.pop((bucket, key), None)

    def abort_multipart_uploads(self, bucket: str, prefix: str) -> int:
        """Abort the multipart uploads under the prefix and return how many there were."""
        found = {key for key in self.multipart_uploads[bucket] if key.startswith(prefix)}
        self.multipart_uploads[bucket] -= found
        return len(found)

    def presign(self, bucket: str, key: str, *, expires_s: int) -> str:
        """Return an URL that whoever has it can read the object from, for a time."""
        return f"memory://{bucket}/{key}?expires={expires_s}"


def _etag(body: bytes) -> str:
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
