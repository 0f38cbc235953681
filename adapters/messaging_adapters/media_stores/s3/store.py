"""Keeps each file as one object, whose key and metadata tell what is known of it."""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from secrets import token_hex
from typing import Any, Final
from uuid import UUID

from attrs import define, evolve, field

from messaging_adapters.media_stores.s3.client import (
    REFUSED,
    ClientError,
    S3Client,
    S3Connection,
    code_of,
    head_of,
    opened,
    translated,
)
from messaging_adapters.media_stores.s3.writing import (
    SMALLEST_PART,
    Multipart,
    NewObject,
    S3Writer,
)
from messaging_core.arguments import a_text, checked_init, optional, part, span
from messaging_core.errors import ConfigurationError, MediaError
from messaging_core.ports.media_store import (
    DirectMediaStore,
    DirectUpload,
    MediaFile,
    MediaWriter,
)

_PIECE: Final = 256 * 1024
_TRIES: Final = 3
_BUCKET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}")
_PREFIX: Final = re.compile(r"[A-Za-z0-9._/-]{0,512}")
_A_CLIENT: Final = part(
    "a client of boto3", "put_object", "head_object", remedy='write client=boto3.client("s3")'
)


def _a_bucket(value: Any, name: str) -> str:
    text: str = a_text(value, name)
    if not _BUCKET.fullmatch(text):
        raise ConfigurationError(f"{name} must be the name of a bucket, such as shop-media")
    return text


def _a_prefix(value: Any, name: str) -> str:
    text: str = a_text(value, name)
    if not _PREFIX.fullmatch(text):
        raise ConfigurationError(f"{name} must have only letters, digits and ._/-, such as media/")
    return text


@checked_init(
    bucket=_a_bucket,
    prefix=_a_prefix,
    region=optional(a_text),
    endpoint_url=optional(a_text),
    access_key_id=optional(a_text),
    secret_access_key=optional(a_text),
    session_token=optional(a_text),
    timeout=span(),
    client=optional(_A_CLIENT),
)
@define(eq=False)
class S3MediaStore(DirectMediaStore):
    """Keep files in a bucket: each under one key, which is written once.

    A file that a caller uploads with a form of S3 arrives under another key, where S3 would let
    the caller replace it. The first `find` or `read` copies it, within S3, to its own key.

    Attributes:
        bucket: It must exist.
        prefix: Begins all keys, such as `media/`.
        region: Of the bucket; by default what boto3 finds.
        endpoint_url: Of a server that speaks the protocol of S3; by default Amazon's.
        access_key_id: By default boto3 finds the keys.
        secret_access_key: Belongs to the key.
        session_token: Belongs to a temporary key.
        timeout: How long a connection may take, and S3 may be silent.
        client: Used instead of one that is made of these; it must sign with `s3v4`.
    """

    bucket: str
    prefix: str = field(default="", kw_only=True)
    region: str | None = field(default=None, kw_only=True)
    endpoint_url: str | None = field(default=None, kw_only=True)
    access_key_id: str | None = field(default=None, kw_only=True)
    secret_access_key: str | None = field(default=None, kw_only=True, repr=False)
    session_token: str | None = field(default=None, kw_only=True, repr=False)
    timeout: timedelta = field(default=timedelta(seconds=30), kw_only=True)
    client: S3Client | None = field(default=None, kw_only=True, repr=False)
    _connection: S3Connection = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Prepare a connection, which is opened on first use."""
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ConfigurationError("access_key_id and secret_access_key: give both or neither")
        options = {
            "region_name": self.region,
            "endpoint_url": self.endpoint_url,
            "aws_access_key_id": self.access_key_id,
            "aws_secret_access_key": self.secret_access_key,
            "aws_session_token": self.session_token,
        }
        self._connection = S3Connection(options, self.timeout)

    def close(self) -> None:
        """Close the connections; the next call opens others."""
        self._connection.close()

    def begin(self, file: MediaFile, limit: int) -> MediaWriter:
        with translated():
            return S3Writer(self._new(file), limit)

    def find(self, file_id: UUID) -> MediaFile | None:
        with translated():
            return self._kept(file_id) or self._settled(file_id)

    def read(self, file_id: UUID) -> Iterator[bytes]:
        with translated():
            answer = self._opened(file_id)
            if answer is None and self._settled(file_id) is not None:
                answer = self._opened(file_id)
        if answer is None:
            raise MediaError("there is no such file", permanent=True)
        body = answer["Body"]
        try:
            with translated():
                yield from body.iter_chunks(_PIECE)
        finally:
            body.close()

    def delete(self, file_id: UUID) -> bool:
        with translated():
            keys = (self._key(file_id), self._incoming(file_id))
            heads = [self._head(key) for key in keys]
            for key, head in zip(keys, heads, strict=True):
                if head is not None:
                    self._client.delete_object(Bucket=self.bucket, Key=key)
            return any(head is not None for head in heads)

    def upload_form(self, file: MediaFile, limit: int, lifetime: timedelta) -> DirectUpload:
        fields = {"Content-Type": file.content_type, "success_action_status": "204"}
        fields |= {f"x-amz-meta-{name}": value for name, value in _metadata(file).items()}
        conditions = [{name: value} for name, value in fields.items()]
        with translated():
            form = self._client.generate_presigned_post(
                Bucket=self.bucket,
                Key=self._incoming(file.id),
                Fields=fields,
                Conditions=[*conditions, ["content-length-range", 0, limit]],
                ExpiresIn=_seconds(lifetime),
            )
        return DirectUpload(url=form["url"], fields=form["fields"])

    def signed_url(self, file: MediaFile, lifetime: timedelta) -> str:
        with translated():
            return self._client.generate_presigned_url(
                "get_object",
                Params={
                    "Bucket": self.bucket,
                    "Key": self._key(file.id),
                    "ResponseContentDisposition": "attachment",
                },
                ExpiresIn=_seconds(lifetime),
            )

    @property
    def _client(self) -> S3Client:
        return self.client or self._connection.client()

    def _key(self, file_id: UUID) -> str:
        return f"{self.prefix}files/{file_id}"

    def _incoming(self, file_id: UUID) -> str:
        return f"{self.prefix}incoming/{file_id}"

    def _head(self, key: str) -> Mapping[str, Any] | None:
        return head_of(self._client, Bucket=self.bucket, Key=key)

    def _opened(self, file_id: UUID) -> Mapping[str, Any] | None:
        return opened(self._client, Bucket=self.bucket, Key=self._key(file_id))

    def _kept(self, file_id: UUID) -> MediaFile | None:
        head = self._head(self._key(file_id))
        return None if head is None else _file_of(file_id, head)

    def _new(self, file: MediaFile) -> NewObject:
        return NewObject(
            client=self._client,
            bucket=self.bucket,
            key=self._key(file.id),
            content_type=file.content_type,
            metadata=_metadata(file),
            token=token_hex(16),
        )

    def _settled(self, file_id: UUID) -> MediaFile | None:
        """Copy what a form uploaded to its own key, and return what is known of it."""
        incoming = self._incoming(file_id)
        for _ in range(_TRIES):
            head = self._head(incoming)
            if head is not None:
                self._copy(incoming, head, _file_of(file_id, head))
            file = self._kept(file_id)
            if file is not None:
                self._client.delete_object(Bucket=self.bucket, Key=incoming)
                return file
            if head is None:
                return None
        raise MediaError("the file is uploaded again and again; try again", permanent=False)

    def _copy(self, source: str, head: Mapping[str, Any], file: MediaFile) -> None:
        """Copy an object, unless its target exists, or it was replaced meanwhile."""
        new, etag = self._new(file), head["ETag"]
        try:
            if file.size < SMALLEST_PART:
                place = {"Bucket": self.bucket, "Key": source}
                answer = opened(self._client, **place, IfMatch=etag)
                if answer is not None:
                    new.write(answer["Body"].read())
                return
            multipart = Multipart.begin(new)
            is_complete = False
            try:
                multipart.copy(source, etag, file.size)
                is_complete = multipart.complete()
            finally:
                if not is_complete:
                    multipart.abort()
        except ClientError as error:
            if code_of(error) not in REFUSED:
                raise


def _seconds(lifetime: timedelta) -> int:
    return max(1, int(lifetime.total_seconds()))


def _metadata(file: MediaFile) -> dict[str, str]:
    channel = {} if file.channel is None else {"channel": str(file.channel)}
    return {"workspace": str(file.workspace), **channel}


def _file_of(file_id: UUID, head: Mapping[str, Any]) -> MediaFile:
    metadata = head["Metadata"]
    try:
        channel = metadata.get("channel")
        file = MediaFile(
            id=file_id,
            content_type=head["ContentType"],
            workspace=UUID(metadata["workspace"]),
            channel=None if channel is None else UUID(channel),
        )
    except (KeyError, ValueError):
        raise MediaError("the object was not written by this store", permanent=True) from None
    return evolve(file, size=head["ContentLength"])
