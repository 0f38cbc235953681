"""Where the bytes of attachments come from, and how many there may be."""

import base64
import binascii
from collections.abc import Sequence

from attrs import evolve

from messaging_adapters.mail.failures import UnsendableError, outcome_of, unsendable
from messaging_adapters.mail.parts import ANY_TYPE
from messaging_core.errors import MediaError
from messaging_core.host_code import HostCode
from messaging_core.models.common.failure import Failure, FailureCode, Retry
from messaging_core.models.content.body import Attachment
from messaging_core.models.messages.envelope import EmailContent, Envelope
from messaging_core.ports.media import Media, MediaSource
from messaging_core.rules.content.attachments import content_id_of
from messaging_core.rules.content.media import media_type_of
from messaging_core.rules.formats.text import is_line


def with_files(envelope: Envelope, media: MediaSource | None, limit: int) -> Envelope:
    """Return a message whose attachments all hold their bytes, as base64, and their type.

    Args:
        envelope: The message; only an email has attachments.
        media: Where attachments come from that are named by URL.
        limit: The most bytes that the attachments may have together.

    Raises:
        UnsendableError: An attachment is not available; carries the outcome.
    """
    content = envelope.content
    if not isinstance(content, EmailContent) or not content.attachments:
        return envelope
    files = read_files(content.attachments, media, limit)
    attachments = tuple(map(_filled, content.attachments, files))
    return evolve(envelope, content=evolve(content, attachments=attachments))


def read_files(
    attachments: Sequence[Attachment], media: MediaSource | None, limit: int
) -> list[Media]:
    """Return the bytes of attachments and their types, in the same order.

    Args:
        attachments: By URL or inline.
        media: Where attachments come from that are named by URL.
        limit: The most bytes that they may have together; no more are fetched.

    Raises:
        UnsendableError: One is not available, or they are too large; carries the outcome.
    """
    files, left = [], limit
    for attachment in attachments:
        _check_labels(attachment)
        file = _content(attachment, media, left)
        left -= len(file.content)
        if left < 0:
            raise unsendable(f"the attachments are larger than {limit} bytes")
        files.append(evolve(file, content_type=_type(attachment, file)))
    return files


def _filled(attachment: Attachment, file: Media) -> Attachment:
    content = attachment.content
    if content is None:
        content = base64.b64encode(file.content).decode()
    return evolve(attachment, content=content, media_url=None, content_type=file.content_type)


def _check_labels(attachment: Attachment) -> None:
    if not is_line(attachment.filename):
        raise unsendable("the name of an attachment holds a control character")
    if attachment.content_id is not None and content_id_of(attachment) is None:
        raise unsendable("an attachment has a content id that is none")


def _type(attachment: Attachment, file: Media) -> str:
    if attachment.content_type is None:
        # What a source says of a file comes from a stranger.
        return media_type_of(file.content_type) or ANY_TYPE
    media_type = media_type_of(attachment.content_type)
    if media_type is None:
        raise unsendable("an attachment has a content type that is none")
    return media_type


def _content(attachment: Attachment, media: MediaSource | None, limit: int) -> Media:
    if attachment.content is not None:
        return Media(content=_decoded(attachment.content), content_type=ANY_TYPE)
    if attachment.media_url is None:
        raise unsendable("an attachment has neither content nor a URL")
    if media is None:
        raise unsendable(
            "an attachment is named by URL, and the transport was given no source of media",
            FailureCode.INVALID_CHANNEL_CONFIGURATION,
            Retry.CONFIGURATION,
        )
    return _fetched(media, attachment.media_url, limit)


def _decoded(content: str) -> bytes:
    try:
        return binascii.a2b_base64(content.encode("ascii"), strict_mode=True)
    except ValueError as error:  # binascii.Error and UnicodeEncodeError are ValueErrors
        raise unsendable("an attachment is not base64 (RFC 4648 section 4)") from error


def _fetched(media: MediaSource, url: str, limit: int) -> Media:
    try:
        with HostCode("the media source"):
            return media.read(url, limit)
    except MediaError as error:
        failure = Failure(
            code=FailureCode.INVALID_CONTENT if error.permanent else FailureCode.DEPENDENCY_ERROR,
            description=f"an attachment could not be fetched: {error.reason}",
            retry=Retry.PERMANENT if error.permanent else Retry.TRANSIENT,
        )
        raise UnsendableError(outcome_of(failure)) from error
