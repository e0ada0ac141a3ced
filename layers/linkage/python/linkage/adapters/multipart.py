"""Stream an object into S3 in bounded memory: a multipart upload, or one PUT if the object is small.

The object appears when all of it is written. Pieces are gathered into parts of `PART_BYTES`; an object smaller than one
part is a single PUT, so that it costs one request.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, override

from botocore.exceptions import BotoCoreError, ClientError

from linkage.ports import Piece, Writer

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

logger = logging.getLogger(__name__)

PART_BYTES = 16 * 2**20
"""Size of a part. S3 accepts 10,000 parts, so objects of up to 160 GiB."""


@contextmanager
def write_in_parts(client: "S3Client", bucket: str, key: str) -> Iterator["PartWriter"]:
    """Write the object while the context lasts; an exception aborts it, and no part of it stays."""
    writer = PartWriter(client, bucket, key)
    try:
        yield writer
        writer.finish()
    except BaseException:
        writer.abort()
        raise


def is_gone(error: Exception) -> bool:
    """Tell whether a request failed because its multipart upload was completed or aborted a moment ago."""
    return isinstance(error, ClientError) and error.response.get("Error", {}).get("Code") == "NoSuchUpload"


class PartWriter(Writer):
    """A stream into S3 that sends each part once it is full. It takes the memory of three parts."""

    def __init__(self, client: "S3Client", bucket: str, key: str) -> None:
        self._client, self._bucket, self._key = client, bucket, key
        self._upload_id: str | None = None
        self._sent: list[CompletedPartTypeDef] = []
        self._pending = bytearray()

    @override
    def write(self, piece: Piece, /) -> int:
        flat = memoryview(piece)
        if flat.nbytes:  # an empty view cannot be cast
            flat = flat.cast("B")
        for start in range(0, flat.nbytes, PART_BYTES):
            self._pending += flat[start : start + PART_BYTES]
            if len(self._pending) >= PART_BYTES:
                self._send_part()
        return flat.nbytes

    def finish(self) -> None:
        """Complete the object."""
        if self._upload_id is None:
            self._client.put_object(Bucket=self._bucket, Key=self._key, Body=bytes(self._pending))
            return
        if self._pending:
            self._send_part()
        self._client.complete_multipart_upload(
            Bucket=self._bucket, Key=self._key, UploadId=self._upload_id, MultipartUpload={"Parts": self._sent}
        )

    def abort(self) -> None:
        """Delete the parts that were sent. If that fails, the bucket's lifecycle deletes them, so it is no error."""
        if self._upload_id is None:
            return
        try:
            self._client.abort_multipart_upload(Bucket=self._bucket, Key=self._key, UploadId=self._upload_id)
        except (BotoCoreError, ClientError) as error:
            if not is_gone(error):
                logger.exception("cannot abort the multipart upload of an object that failed")

    def _send_part(self) -> None:
        if self._upload_id is None:
            created = self._client.create_multipart_upload(Bucket=self._bucket, Key=self._key)
            self._upload_id = created["UploadId"]
        number, body = len(self._sent) + 1, bytes(self._pending)
        response = self._client.upload_part(
            Bucket=self._bucket, Key=self._key, UploadId=self._upload_id, PartNumber=number, Body=body
        )
        self._sent.append({"PartNumber": number, "ETag": response["ETag"]})
        self._pending = bytearray()
