"""The calls of S3 that the store makes, the client of boto3 that makes them, and its errors."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from typing import Any, Final, Protocol

from messaging_core.errors import MediaError, MissingDependencyError
from messaging_core.fork import ForkAware, ForkSafeLock, watch_forks

try:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
except ImportError as error:
    raise MissingDependencyError("boto3", "s3") from error

__all__ = [
    "REFUSED",
    "BotoCoreError",
    "ClientError",
    "S3Client",
    "S3Connection",
    "code_of",
    "head_of",
    "opened",
    "translated",
]

REFUSED: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})
"""What S3 says when a key is there already, or another write of it is under way."""

_MISSING: Final = frozenset({"NoSuchKey", "NotFound", "404"})
_CODE: Final = re.compile("[A-Za-z0-9]{1,40}")
_ATTEMPTS: Final = 3
_SESSION_LOCK: Final = ForkSafeLock()
"""A session makes one client at a time; clients may be used by many threads."""


class S3Client(Protocol):
    """The calls that the store makes, as the client `s3` of boto3 has them."""

    def put_object(self, **options: Any) -> Mapping[str, Any]:
        """Write an object at once."""

    def create_multipart_upload(self, **options: Any) -> Mapping[str, Any]:
        """Begin to write an object in parts."""

    def upload_part(self, **options: Any) -> Mapping[str, Any]:
        """Write a part."""

    def upload_part_copy(self, **options: Any) -> Mapping[str, Any]:
        """Copy a part from another object."""

    def complete_multipart_upload(self, **options: Any) -> Mapping[str, Any]:
        """Make an object of its parts."""

    def abort_multipart_upload(self, **options: Any) -> Mapping[str, Any]:
        """Drop the parts."""

    def head_object(self, **options: Any) -> Mapping[str, Any]:
        """Tell about an object."""

    def get_object(self, **options: Any) -> Mapping[str, Any]:
        """Read an object."""

    def delete_object(self, **options: Any) -> Mapping[str, Any]:
        """Remove an object."""

    def generate_presigned_post(self, **options: Any) -> Mapping[str, Any]:
        """Sign a form, without a connection."""

    def generate_presigned_url(self, *method: str, **options: Any) -> str:
        """Sign a URL, without a connection."""

    def close(self) -> None:
        """Close the connections."""


class S3Connection(ForkAware):
    """Makes a client on first use, and another one in a process that was forked.

    Args:
        options: Of a client of boto3; what is absent, boto3 finds out as it always does.
        timeout: How long a connection may take, and S3 may be silent.
    """

    def __init__(self, options: Mapping[str, Any], timeout: timedelta) -> None:
        self._options = {name: value for name, value in options.items() if value is not None}
        self._timeout = timeout.total_seconds()
        self._client: S3Client | None = None
        self._lock = ForkSafeLock()
        watch_forks(self)

    def client(self) -> S3Client:
        """Return the client, which many threads may use."""
        with self._lock:
            if self._client is None:
                with _SESSION_LOCK:
                    self._client = self._made()
            return self._client

    def close(self) -> None:
        """Close the connections; the next call opens others."""
        with self._lock:
            if self._client is not None:
                self._client.close()
            self._client = None

    def after_fork_in_child(self) -> None:
        """Leave the connections to the parent."""
        self._client = None

    def _made(self) -> S3Client:
        config = Config(
            signature_version="s3v4",  # conditional writes need it, and URLs that expire
            connect_timeout=self._timeout,
            read_timeout=self._timeout,
            retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
            # Other servers than Amazon's do not know the checksums that boto3 adds on its own.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        # Without keys boto3 would call S3 as a stranger, and could not sign a form.
        if "aws_access_key_id" not in self._options and _session().get_credentials() is None:
            raise NoCredentialsError
        client: S3Client = _session().client("s3", config=config, **self._options)
        return client


@cache
def _session() -> Any:
    """Return what reads the models of AWS, which takes long, once."""
    return boto3.session.Session()


@contextmanager
def translated() -> Iterator[None]:
    """Raise the errors of boto3 as those of the port."""
    try:
        yield
    except (BotoCoreError, ClientError, OSError) as error:
        what = code_of(error)
        reason = "the bucket of media is not available" + (f": {what}" if what else "")
        raise MediaError(reason, permanent=False) from error


def code_of(error: BaseException) -> str:
    """Return the code of an answer of S3, or the kind of an error of boto3."""
    if isinstance(error, ClientError):
        code = str(error.response.get("Error", {}).get("Code", ""))
        return code if _CODE.fullmatch(code) else ""
    return type(error).__name__ if isinstance(error, BotoCoreError) else ""


def head_of(client: S3Client, **key: str) -> Mapping[str, Any] | None:
    """Return what S3 tells about an object, or nothing if there is none."""
    try:
        return client.head_object(**key)
    except ClientError as error:
        if code_of(error) in _MISSING:
            return None
        raise


def opened(client: S3Client, **options: str) -> Mapping[str, Any] | None:
    """Return the answer with the content of an object, or nothing if there is none."""
    try:
        return client.get_object(**options)
    except ClientError as error:
        if code_of(error) in _MISSING:
            return None
        raise
