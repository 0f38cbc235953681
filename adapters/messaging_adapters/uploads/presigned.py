"""Presigned uploads: forms that let a caller upload one file, and links that let one be fetched."""

import hmac
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from attrs import define, field, frozen

from messaging_core.arguments import a, a_text, checked, checked_init, flag, span, whole
from messaging_core.errors import (
    ConfigurationError,
    InvalidRequestError,
    MediaError,
    MessagingError,
)
from messaging_core.models.common.channel import DEFAULT_WORKSPACE, Channel
from messaging_core.ports.clock import Clock, Ids, SystemClock, TimeOrderedIds
from messaging_core.ports.components import A_MEDIA_STORE, IDS, a_base_url, a_clock
from messaging_core.ports.media import MediaCheck
from messaging_core.ports.media_store import DirectMediaStore, MediaFile, MediaStore
from messaging_core.rules.content.media import check_media_type

_SHORTEST_SECRET: Final = 16
_MEGABYTE: Final = 1024 * 1024
_SIGNATURE: Final = "signature"
_FORM: Final = "upload"
_LINK: Final = "link"
_AT_ONCE: Final = timedelta(minutes=5)
_ID: Final = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_FILE_PATH: Final = re.compile(f"(?:/workspaces/{_ID}/messages/{_ID})?/media/({_ID})")


class UploadRefusedError(MessagingError):
    """Report a form or a link that was not made here as it stands, or is too old."""


@frozen(kw_only=True)
class PresignedUpload:
    """Where and how a caller uploads one file, in the form of the Bird Channels API.

    Attributes:
        media_url: What a message names the file by, once it is uploaded.
        upload_url: Where the form goes.
        upload_method: How: by POST.
        upload_form_data: Fields of the form, to be sent as they are, before the field `file`.
    """

    media_url: str
    upload_url: str
    upload_method: str
    upload_form_data: Mapping[str, str] = field(repr=False)


@frozen(kw_only=True)
class UploadGrant:
    """What a form allows: one file, so large, until then."""

    file: MediaFile
    max_bytes: int
    expires_at: datetime


def _long_secret(value: Any, name: str) -> str:
    text: str = a_text(value, name)
    if len(text) < _SHORTEST_SECRET:
        remedy = "make one with secrets.token_urlsafe()"
        raise ConfigurationError(
            f"{name} must have {_SHORTEST_SECRET} characters or more: {remedy}"
        )
    return text


@checked_init(
    store=A_MEDIA_STORE,
    secret=_long_secret,
    base_url=a_base_url,
    max_bytes=whole(),
    lifetime=span(timedelta(seconds=1)),
    link_lifetime=span(timedelta(seconds=1)),
    idle_timeout=span(timedelta(seconds=1)),
    direct_uploads=flag,
    direct_downloads=flag,
    clock=a_clock,
    ids=IDS,
)
@define(eq=False, kw_only=True)
class Uploads(MediaCheck):
    """Let callers upload files that messages name by URL.

    Forms and links are signed with HMAC-SHA-256, so nothing is stored before a file arrives, and
    every process with the same secret takes the forms of the others.

    Attributes:
        store: Keeps the files.
        secret: Signs forms and links; 16 characters or more, the same in all processes.
        base_url: What callers and providers call the application by, such as
            `https://shop.example/messaging`.
        max_bytes: The most bytes of one file.
        lifetime: How long a form may be used. The upload must be complete by then.
        link_lifetime: How long a signed link to a file works. A provider must have fetched the
            file by then.
        idle_timeout: How long an upload through the application may be silent.
        direct_uploads: Give forms of the store itself, where it has them, as that of S3 does; the
            content does not come through the application then.
        direct_downloads: Redirect a link to a URL of the store, where it has one. Set it if all
            providers that fetch media follow redirects.
    """

    store: MediaStore
    secret: str = field(repr=False)
    base_url: str
    max_bytes: int = 100 * _MEGABYTE
    lifetime: timedelta = timedelta(minutes=15)
    link_lifetime: timedelta = timedelta(days=3)
    idle_timeout: timedelta = timedelta(seconds=30)
    direct_uploads: bool = True
    direct_downloads: bool = False
    clock: Clock = field(factory=SystemClock)
    ids: Ids = field(factory=TimeOrderedIds)

    @checked(content_type=a_text)
    def create(
        self,
        content_type: str,
        *,
        channel: Channel | None = None,
        workspace: UUID = DEFAULT_WORKSPACE,
    ) -> PresignedUpload:
        """Return a form with which one file can be uploaded, once.

        Args:
            content_type: What the file will be, such as `image/png`.
            channel: The only channel that may send it; by default every channel of the workspace.
            workspace: Who it belongs to, if no channel says so.

        Raises:
            InvalidRequestError: The content type is none.
            MediaError: The store makes forms of its own, and is not available.
        """
        if violations := check_media_type(content_type, "/contentType"):
            raise InvalidRequestError(violations)
        now = self.clock.now()
        file = MediaFile(
            id=self.ids.new(now),
            content_type=content_type,
            workspace=workspace if channel is None else channel.workspace,
            channel=None if channel is None else channel.id,
        )
        url, fields = self._form(file, now)
        return PresignedUpload(
            media_url=self.media_url(file.id),
            upload_url=url,
            upload_method="POST",
            upload_form_data=fields,
        )

    def authorize(self, fields: Mapping[str, str]) -> UploadGrant:
        """Return what a form allows.

        Args:
            fields: All fields of the form but the file.

        Raises:
            UploadRefusedError: A field is missing, added or changed; or the form is too old.
        """
        signed = {name: value for name, value in fields.items() if name != _SIGNATURE}
        self._check(_FORM, signed, fields.get(_SIGNATURE, ""))
        expires_at = self._still_open(signed["expires"], "the form")
        channel = signed.get("channel")
        file = MediaFile(
            id=UUID(signed["key"]),
            content_type=signed["Content-Type"],
            workspace=UUID(signed["workspace"]),
            channel=None if channel is None else UUID(channel),
        )
        return UploadGrant(file=file, max_bytes=int(signed["max-bytes"]), expires_at=expires_at)

    def media_url(self, file_id: UUID) -> str:
        """Return the URL that messages name a file by; it opens nothing without a signature."""
        return f"{self.base_url}/media/{file_id}"

    def check(self, url: str, channel: Channel) -> str | None:
        file_id = self.file_id_of(url)
        if file_id is None:
            return None
        try:
            file = self.store.find(file_id)
        except MediaError:  # the transport looks again
            return None
        if file is None:
            return "nothing was uploaded there: upload the file first"
        return None if file.serves(channel) else "the file was uploaded for another channel"

    def link(self, file_id: UUID, *, until: datetime | None = None) -> str:
        """Return a URL that opens a file without an access key.

        Args:
            file_id: Of the file, which need not be there yet.
            until: When the link expires; by default `link_lifetime` from now.
        """
        expires = _seconds(until or self.clock.now() + self.link_lifetime)
        signature = self._signature(_LINK, {"key": str(file_id), "expires": expires})
        return f"{self.media_url(file_id)}?expires={expires}&signature={signature}"

    def check_link(self, file_id: UUID, *, expires: str, signature: str) -> None:
        """Refuse a link to a file that was not made here, or is too old.

        Raises:
            UploadRefusedError: It is such a link.
        """
        self._check(_LINK, {"key": str(file_id), "expires": expires}, signature)
        self._still_open(expires, "the link")

    def file_id_of(self, url: str) -> UUID | None:
        """Return the id of the file that a URL names, signed or not; none if it is not ours.

        It may be an uploaded file, or a file of an incoming message.
        """
        if not url.startswith(f"{self.base_url}/"):
            return None
        match = _FILE_PATH.fullmatch(url.removeprefix(self.base_url).partition("?")[0])
        return UUID(match[1]) if match else None

    def direct_url(self, file: MediaFile) -> str | None:
        """Return a URL of the store for a file that is fetched at once, or nothing.

        Raises:
            MediaError: The store is not available.
        """
        if self.direct_downloads and isinstance(self.store, DirectMediaStore):
            return self.store.signed_url(file, _AT_ONCE)
        return None

    def close(self) -> None:
        """Close the connections of the store, if it has some."""
        close = getattr(self.store, "close", None)
        if close is not None:
            close()

    def _form(self, file: MediaFile, now: datetime) -> tuple[str, Mapping[str, str]]:
        """Return where a file is uploaded, and the fields of the form."""
        if self.direct_uploads and isinstance(self.store, DirectMediaStore):
            form = self.store.upload_form(file, self.max_bytes, self.lifetime)
            return form.url, form.fields
        fields = {
            "Content-Type": file.content_type,
            "key": str(file.id),
            "workspace": str(file.workspace),
            "expires": _seconds(now + self.lifetime),
            "max-bytes": str(self.max_bytes),
        }
        if file.channel is not None:
            fields["channel"] = str(file.channel)
        return f"{self.base_url}/uploads", {**fields, _SIGNATURE: self._signature(_FORM, fields)}

    def _signature(self, purpose: str, fields: Mapping[str, str]) -> str:
        """Return the signature of all fields together; the purpose keeps forms and links apart."""
        text = json.dumps([purpose, sorted(fields.items())], separators=(",", ":"))
        return hmac.new(self.secret.encode(), text.encode(), sha256).hexdigest()

    def _check(self, purpose: str, fields: Mapping[str, str], signature: str) -> None:
        expected = self._signature(purpose, fields)
        if not hmac.compare_digest(expected.encode(), signature.encode(errors="replace")):
            raise UploadRefusedError("the signature is missing, or not of these values")

    def _still_open(self, expires: str, what: str) -> datetime:
        """Return when something expires; its text is signed, so it is a number."""
        expires_at = datetime.fromtimestamp(int(expires), UTC)
        if self.clock.now() >= expires_at:
            raise UploadRefusedError(f"{what} has expired: ask for a new one")
        return expires_at


def _seconds(instant: datetime) -> str:
    return str(int(instant.timestamp()))


AN_UPLOADS: Final = a(Uploads, "Uploads", "write uploads=Uploads(store=…, secret=…, base_url=…)")
