"""Objects in S3, or in another store with its protocol."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import UTC
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO, cast, override

from botocore.exceptions import ClientError

from linkage.adapters.multipart import PartWriter, is_gone, write_in_parts
from linkage.adapters.range_reading import RangeReader
from linkage.adapters.unavailable import report_unavailable
from linkage.errors import UploadRejected
from linkage.models import StoredFile, StoredObject
from linkage.ports import Objects

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import MultipartUploadTypeDef

_ABSENT = {"NoSuchKey", "404", "NotFound"}
_CHANGED = {"PreconditionFailed", "412"}
_DELETE_BATCH = 1000


class S3Objects(Objects):
    """Objects in S3. Ranges of objects that never change are cached, at most ``cache_bytes``."""

    def __init__(self, client: "S3Client", *, cache_bytes: int = 256 * 2**20) -> None:
        report_unavailable(client)
        self._client = client
        self._ranges = RangeReader(self._open_range, max_bytes=cache_bytes)

    @override
    def get(self, bucket: str, key: str) -> bytes | None:
        try:
            return self._client.get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            if _code(error) in _ABSENT:
                return None
            raise

    @override
    def get_range(self, bucket: str, key: str, start: int, stop: int) -> bytes:
        if start == stop:
            return b""
        body = self._client.get_object(Bucket=bucket, Key=key, Range=f"bytes={start}-{stop - 1}")["Body"].read()
        if len(body) != stop - start:
            raise EOFError(f"{key} ends before byte {stop}")
        return body

    @override
    def get_cached_range(self, bucket: str, key: str, start: int, stop: int) -> memoryview:
        return self._ranges.read(bucket, key, start, stop) if start < stop else memoryview(b"")

    @override
    @contextmanager
    def open(self, file: StoredFile) -> Iterator[BinaryIO]:
        try:
            body = self._client.get_object(Bucket=file.bucket, Key=file.key, IfMatch=file.etag)["Body"]
        except ClientError as error:
            raise _refusal(error) from None
        with closing(body):
            yield cast("BinaryIO", body)

    @override
    def head(self, bucket: str, key: str) -> StoredObject | None:
        try:
            response = self._client.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if _code(error) in _ABSENT:
                return None
            raise
        metadata = {name.lower(): value for name, value in response["Metadata"].items()}
        return StoredObject(key, response["ContentLength"], response["ETag"], metadata)

    @override
    def put(self, bucket: str, key: str, body: bytes) -> StoredFile:
        etag = self._client.put_object(Bucket=bucket, Key=key, Body=body)["ETag"]
        return StoredFile(bucket=bucket, key=key, etag=etag, size_bytes=len(body))

    @override
    def writer(self, bucket: str, key: str) -> AbstractContextManager[PartWriter]:
        return write_in_parts(self._client, bucket, key)

    @override
    def put_if_absent(self, bucket: str, key: str, body: bytes) -> bool:
        try:
            self._client.put_object(Bucket=bucket, Key=key, Body=body, IfNoneMatch="*")
        except ClientError as error:
            if _code(error) in _CHANGED:
                return False
            raise
        return True

    @override
    def list(self, bucket: str, prefix: str) -> Iterator[StoredObject]:
        for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for entry in page.get("Contents", []):
                modified = entry["LastModified"].astimezone(UTC).replace(tzinfo=None)
                yield StoredObject(entry["Key"], entry["Size"], time_modified=modified)

    @override
    def delete(self, bucket: str, keys: Iterable[str]) -> None:
        for batch in _batches(keys, _DELETE_BATCH):
            response = self._client.delete_objects(
                Bucket=bucket, Delete={"Objects": [{"Key": key} for key in batch], "Quiet": True}
            )
            if failed := response.get("Errors"):
                raise OSError(f"cannot delete {len(failed)} objects, the first because of {failed[0].get('Code')}")

    @override
    def abort_multipart_uploads(self, bucket: str, prefix: str) -> int:
        # MinIO takes the prefix for a whole key; it shows uploads under a prefix only where all are listed.
        listed = self._multipart_uploads(bucket, prefix) or self._multipart_uploads(bucket, "")
        uploads = [upload for upload in listed if upload["Key"].startswith(prefix)]
        for upload in uploads:
            try:
                self._client.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
            except ClientError as error:
                if not is_gone(error):
                    raise
        return len(uploads)

    @override
    def presign(self, bucket: str, key: str, *, expires_s: int) -> str:
        return self._client.generate_presigned_url(
            "get_object",
            Params={"Bucket": bucket, "Key": key, "ResponseContentType": "application/json"},
            ExpiresIn=expires_s,
        )

    def _multipart_uploads(self, bucket: str, prefix: str) -> "Sequence[MultipartUploadTypeDef]":
        pages = self._client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=prefix)
        return [upload for page in pages for upload in page.get("Uploads", [])]

    def _open_range(self, bucket: str, key: str, start: int, stop: int) -> BinaryIO:
        body = self._client.get_object(Bucket=bucket, Key=key, Range=f"bytes={start}-{stop - 1}")["Body"]
        return cast("BinaryIO", body)


def _code(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")


def _refusal(error: ClientError) -> Exception:
    if _code(error) in _CHANGED:
        return UploadRejected("the file was changed after it was announced")
    if _code(error) in _ABSENT:
        return UploadRejected("the file was removed after it was announced")
    return error


def _batches(keys: Iterable[str], size: int) -> Iterator[list[str]]:
    remaining = iter(keys)
    return iter(lambda: list(islice(remaining, size)), [])
