"""An object store in memory."""

import hashlib
import io
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, override

from linkage.errors import UploadRejected
from linkage.models import StoredFile, StoredObject
from linkage.ports import Objects, Writer


@dataclass
class MemoryObjects(Objects):
    """Objects in memory. `stored` has body and metadata by bucket and key."""

    stored: dict[tuple[str, str], tuple[bytes, dict[str, str]]] = field(default_factory=dict)
    multipart_uploads: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    clock: Callable[[], datetime] | None = None
    times: dict[tuple[str, str], datetime] = field(default_factory=dict)

    @override
    def get(self, bucket: str, key: str) -> bytes | None:
        body, _ = self.stored.get((bucket, key), (None, {}))
        return body

    @override
    def get_range(self, bucket: str, key: str, start: int, stop: int) -> bytes:
        body = self.stored[bucket, key][0][start:stop]
        if len(body) != stop - start:
            raise EOFError(f"{key} ends before byte {stop}")
        return body

    @override
    def get_cached_range(self, bucket: str, key: str, start: int, stop: int) -> memoryview:
        return memoryview(self.get_range(bucket, key, start, stop))

    @override
    @contextmanager
    def open(self, file: StoredFile) -> Iterator[BinaryIO]:
        body = self.get(file.bucket, file.key)
        if body is None:
            raise UploadRejected("the file was removed after it was announced")
        if _etag(body) != file.etag:
            raise UploadRejected("the file was changed after it was announced")
        yield io.BytesIO(body)

    @override
    def head(self, bucket: str, key: str) -> StoredObject | None:
        if (bucket, key) not in self.stored:
            return None
        body, metadata = self.stored[bucket, key]
        return StoredObject(key, len(body), _etag(body), dict(metadata))

    @override
    def put(self, bucket: str, key: str, body: bytes, *, metadata: dict[str, str] | None = None) -> StoredFile:
        self.stored[bucket, key] = bytes(body), metadata or {}
        if self.clock is not None:
            self.times[bucket, key] = self.clock()
        return StoredFile(bucket=bucket, key=key, etag=_etag(body), size_bytes=len(body))

    @override
    @contextmanager
    def writer(self, bucket: str, key: str) -> Iterator[Writer]:
        body = io.BytesIO()
        yield body
        self.put(bucket, key, body.getvalue())

    @override
    def put_if_absent(self, bucket: str, key: str, body: bytes) -> bool:
        if (bucket, key) in self.stored:
            return False
        self.put(bucket, key, body)
        return True

    @override
    def list(self, bucket: str, prefix: str) -> Iterator[StoredObject]:
        for key in sorted(key for owner, key in self.stored if owner == bucket and key.startswith(prefix)):
            body, _ = self.stored[bucket, key]
            yield StoredObject(key, len(body), time_modified=self.times.get((bucket, key)))

    @override
    def delete(self, bucket: str, keys: Iterable[str]) -> None:
        for key in list(keys):
            self.stored.pop((bucket, key), None)

    @override
    def abort_multipart_uploads(self, bucket: str, prefix: str) -> int:
        aborted = {key for key in self.multipart_uploads[bucket] if key.startswith(prefix)}
        self.multipart_uploads[bucket] -= aborted
        return len(aborted)

    @override
    def presign(self, bucket: str, key: str, *, expires_s: int) -> str:
        return f"memory://{bucket}/{key}?expires={expires_s}"


def _etag(body: bytes) -> str:
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
