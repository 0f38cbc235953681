"""Writes objects of S3 that are never written again."""

import logging
from collections.abc import Mapping
from typing import Any, Final

from attrs import define, field, frozen

from messaging_adapters.media_stores.s3.client import (
    REFUSED,
    BotoCoreError,
    ClientError,
    S3Client,
    code_of,
    head_of,
    translated,
)
from messaging_core.errors import MediaError
from messaging_core.ports.media_store import MediaWriter

SMALLEST_PART: Final = 5 * 1024 * 1024
"""S3 takes no smaller parts, but for the last one."""

_MOST_PARTS: Final = 10_000
_COPIED_PART: Final = 1024 * 1024 * 1024
_ANY: Final = "*"
_GONE: Final = "NoSuchUpload"

_log = logging.getLogger(__name__)


@frozen(kw_only=True)
class NewObject:
    """An object that is written once.

    Attributes:
        bucket: Where it is written.
        key: Its name.
        content_type: As it is answered.
        metadata: What S3 keeps beside it.
        token: Tells it from what other writers wrote under the same key.
    """

    client: S3Client
    bucket: str
    key: str
    content_type: str
    metadata: Mapping[str, str]
    token: str

    @property
    def place(self) -> dict[str, str]:
        """Return what names it in each call."""
        return {"Bucket": self.bucket, "Key": self.key}

    @property
    def options(self) -> dict[str, Any]:
        """Return what the first call of a write says."""
        metadata = {**self.metadata, "writer": self.token}
        return {**self.place, "ContentType": self.content_type, "Metadata": metadata}

    def write(self, content: bytes) -> bool:
        """Write it at once, and return whether this call did."""
        try:
            self.client.put_object(**self.options, Body=content, IfNoneMatch=_ANY)
        except ClientError as error:
            return self._was_written(error, REFUSED)
        return True

    def complete(self, upload: str, parts: list[dict[str, Any]]) -> bool:
        """Make it of its parts, and return whether this call did."""
        try:
            self.client.complete_multipart_upload(
                **self.place,
                UploadId=upload,
                MultipartUpload={"Parts": parts},
                IfNoneMatch=_ANY,
            )
        except ClientError as error:
            return self._was_written(error, REFUSED | {_GONE})
        return True

    def _was_written(self, error: ClientError, refused: frozenset[str]) -> bool:
        """Tell whether the object under the key is this one.

        When the answer to a write is lost, boto3 writes again, and finds what it wrote itself.
        """
        if code_of(error) not in refused:
            raise error
        head = head_of(self.client, **self.place)
        if head is None:
            raise error
        return bool(head["Metadata"].get("writer") == self.token)


@define
class Multipart:
    """Parts of an object, in S3 but not yet under a key.

    Attributes:
        new: What they become.
        id: Of the upload.
    """

    new: NewObject
    id: str
    _parts: list[dict[str, Any]] = field(factory=list)

    @classmethod
    def begin(cls, new: NewObject) -> "Multipart":
        """Begin an object in parts."""
        return cls(new, new.client.create_multipart_upload(**new.options)["UploadId"])

    def upload(self, content: bytes) -> None:
        """Add a part."""
        answer = self.new.client.upload_part(**self._next(), Body=content)
        self._add(answer["ETag"])

    def copy(self, source: str, etag: str, size: int) -> None:
        """Add another object of the bucket, without reading it."""
        for start in range(0, size, _COPIED_PART):
            end = min(start + _COPIED_PART, size) - 1
            answer = self.new.client.upload_part_copy(
                **self._next(),
                CopySource={"Bucket": self.new.bucket, "Key": source},
                CopySourceIfMatch=etag,
                CopySourceRange=f"bytes={start}-{end}",
            )
            self._add(answer["CopyPartResult"]["ETag"])

    def complete(self) -> bool:
        """Write the object, and return whether this call did."""
        return self.new.complete(self.id, self._parts)

    def abort(self) -> None:
        """Drop the parts; what cannot be dropped now is left to the rules of the bucket."""
        try:
            self.new.client.abort_multipart_upload(**self.new.place, UploadId=self.id)
        except (BotoCoreError, ClientError, OSError) as error:
            if code_of(error) != _GONE:
                _log.warning("s3: the parts of an upload were not dropped: %s", code_of(error))

    def _next(self) -> dict[str, Any]:
        return {**self.new.place, "UploadId": self.id, "PartNumber": len(self._parts) + 1}

    def _add(self, etag: str) -> None:
        self._parts.append({"ETag": etag, "PartNumber": len(self._parts) + 1})


class S3Writer(MediaWriter):
    """Holds one part of the content in memory; a file that is smaller is written at once."""

    def __init__(self, new: NewObject, limit: int) -> None:
        self._new, self._limit = new, limit
        self._part_size = max(SMALLEST_PART, -(-limit // _MOST_PARTS))
        self._size = 0
        self._pending = bytearray()
        self._multipart: Multipart | None = None
        self._is_done = False

    def write(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > self._limit:
            raise MediaError(f"it is larger than {self._limit} bytes", permanent=True)
        self._pending += chunk
        with translated():
            while len(self._pending) > self._part_size:
                self._upload_part(self._part_size)

    def commit(self) -> bool:
        with translated():
            if self._multipart is None:
                is_written = self._new.write(bytes(self._pending))
            else:
                self._upload_part(len(self._pending))
                is_written = self._multipart.complete()
            self._is_done = is_written
            return is_written

    def abort(self) -> None:
        self._pending.clear()
        if self._multipart is not None and not self._is_done:
            self._multipart.abort()
        self._multipart = None

    def _upload_part(self, size: int) -> None:
        if self._multipart is None:
            self._multipart = Multipart.begin(self._new)
        with memoryview(self._pending) as pending:
            content = pending[:size].tobytes()  # copies a part once
        self._multipart.upload(content)
        del self._pending[:size]
