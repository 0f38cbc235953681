"""Which pictures and files a body may hold, and where MMS is needed for them."""

import re
from collections.abc import Sequence
from typing import Final

from messaging_core.lazy import pattern
from messaging_core.models.common.channel import SMS, Channel
from messaging_core.models.common.violation import Violation
from messaging_core.models.content.body import (
    File,
    FileBody,
    GifBody,
    Image,
    ImageBody,
    MediaMetadata,
    TelegramMetadata,
)
from messaging_core.rules.content.actions import check_actions
from messaging_core.rules.content.headers import check_subject
from messaging_core.rules.formats.platforms import MAX_MEDIA
from messaging_core.rules.formats.text import check_text
from messaging_core.rules.formats.uris import check_web_url

PARSE_MODES: Final = frozenset({"Markdown", "MarkdownV2"})
MAX_FILENAME_LENGTH: Final = 255

_MEDIA_TYPE_LENGTH: Final = 255
# RFC 6838 §4.2 restricted-name, twice; then parameters as in RFC 2045 §5.1.
_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
_TOKEN: Final = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"  # noqa: S105 - a token of RFC 2045
_PARAMETER: Final = pattern(rf' *; *({_TOKEN}) *= *({_TOKEN}|"[ !#-\[\]-~]*")')
_MEDIA_TYPE: Final = pattern(rf" *({_NAME}/{_NAME})((?:{_PARAMETER.pattern})*) *")
# Path separators, what no line may hold, and the direction marks that make "gpj.exe" of "exe.jpg".
_NOT_IN_A_FILENAME: Final = pattern(
    "[/\\\\\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def check_image_body(body: ImageBody, channel: Channel, path: str) -> list[Violation]:
    """Hold pictures to the Bird Channels API, rules 11 and 12: one at least, each by URI."""
    violations = _check_number(body.images, channel, f"{path}/images")
    for index, image in enumerate(body.images):
        violations += _check_image(image, f"{path}/images/{index}")
    violations += check_actions(body.actions, channel.platform, f"{path}/actions")
    return violations + _check_around(body.text, body.metadata, path)


def check_file_body(body: FileBody, channel: Channel, path: str) -> list[Violation]:
    """Hold files to the Bird Channels API, rules 11 and 12: as pictures, with a content type."""
    violations = _check_number(body.files, channel, f"{path}/files")
    for index, file in enumerate(body.files):
        violations += _check_file(file, f"{path}/files/{index}")
    violations += check_actions(body.actions, channel.platform, f"{path}/actions")
    return violations + _check_around(body.text, body.metadata, path)


def check_gif_body(body: GifBody, channel: Channel, path: str) -> list[Violation]:
    """Hold an animation to the Bird Channels API, rule 11: it is named by URI."""
    violations = check_web_url(body.media_url, f"{path}/mediaUrl")
    violations += check_actions(body.actions, channel.platform, f"{path}/actions")
    if body.text is not None:
        violations += check_text(body.text, f"{path}/text")
    if body.alt_text is not None:
        violations += check_text(body.alt_text, f"{path}/altText")
    if body.metadata is not None:
        violations += check_telegram(body.metadata.telegram, f"{path}/metadata")
    return violations


def check_mms(body: object, channel: Channel, path: str) -> list[Violation]:
    """Refuse pictures and files on an SMS channel that can neither send nor replace them.

    By the Bird Channels API, rule 12, MMS takes the capability of the channel, and
    `metadata.fallbackText` is what goes out where MMS is impossible. An animation has no such
    text in its metadata, so it always needs MMS.
    """
    if channel.mms or channel.platform != SMS:
        return []
    if not isinstance(body, ImageBody | FileBody | GifBody):
        return []
    if isinstance(body, ImageBody | FileBody) and body.metadata and body.metadata.fallback_text:
        return []
    message = "this channel has no MMS: give metadata.fallbackText, or send text"
    if isinstance(body, GifBody):
        message = "this channel has no MMS: send text"
    return [Violation(path, "body.mms_not_supported", message)]


def media_type_of(value: str) -> str | None:
    """Return a media type in its usual spelling: no blanks but one behind each semicolon.

    `None` for what is no media type (RFC 6838 §4.2); parameters are those of RFC 2045 §5.1. What
    looks like an encoded word (RFC 2047) is refused, since readers would decode it.
    """
    match = _media_type(value)
    if match is None:
        return None
    parameters = [f"{name}={text}" for name, text in _PARAMETER.findall(match[2])]
    return "; ".join([match[1], *parameters])


def is_invitation(content_type: str) -> bool:
    """Tell whether a file is a calendar object that asks for something (RFC 6047 §2.4).

    `text/calendar; method=REQUEST` invites, and `method=CANCEL` takes that back. Without a method
    it is a file like any other.
    """
    match = _media_type(content_type)
    if match is None or match[1].lower() != "text/calendar":
        return False
    return any(name.lower() == "method" for name, _ in _PARAMETER.findall(match[2]))


def check_media_type(value: str, path: str) -> list[Violation]:
    """Refuse what is no media type, by `media_type_of`."""
    if _media_type(value) is not None:
        return []
    message = "a media type, such as application/pdf"
    return [Violation(path, "media.bad_content_type", message)]


def _media_type(value: str) -> re.Match[str] | None:
    if len(value) > _MEDIA_TYPE_LENGTH or "=?" in value:
        return None
    return _MEDIA_TYPE.fullmatch(value)


def check_filename(value: str, path: str) -> list[Violation]:
    r"""Refuse a file name that is a path, breaks a line or pretends to be of another kind.

    Our own rule: 1 to 255 characters; no `/` or `\`, no control characters, none of the
    direction marks that reverse an extension, and neither `.` nor `..`.
    """
    if not value or len(value) > MAX_FILENAME_LENGTH:
        message = f"a file name has 1 to {MAX_FILENAME_LENGTH} characters"
        return [Violation(path, "media.bad_filename", message)]
    if _NOT_IN_A_FILENAME.search(value) or value in {".", ".."}:
        message = "a file name without folders, control characters or direction marks"
        return [Violation(path, "media.bad_filename", message)]
    return []


def check_telegram(telegram: TelegramMetadata | None, path: str) -> list[Violation]:
    """Refuse an unknown way to read Telegram text (Bird Channels API, rule 21)."""
    if telegram is None or telegram.parse_mode is None or telegram.parse_mode in PARSE_MODES:
        return []
    message = f"one of {', '.join(sorted(PARSE_MODES))}"
    return [Violation(f"{path}/telegram/parseMode", "telegram.bad_parse_mode", message)]


def _check_number(items: Sequence[object], channel: Channel, path: str) -> list[Violation]:
    most = MAX_MEDIA.get(channel.platform)
    if channel.rules is not None:
        most = channel.rules.max_media
    if not items:
        return [Violation(path, "media.none", "name at least one")]
    if most is not None and len(items) > most:
        message = f"{channel.platform} carries at most {most} in one message, not {len(items)}"
        return [Violation(path, "media.too_many", message)]
    return []


def _check_image(image: Image, path: str) -> list[Violation]:
    violations = check_web_url(image.media_url, f"{path}/mediaUrl")
    if image.alt_text is not None:
        violations += check_text(image.alt_text, f"{path}/altText")
    return violations


def _check_file(file: File, path: str) -> list[Violation]:
    violations = check_web_url(file.media_url, f"{path}/mediaUrl")
    violations += check_media_type(file.content_type, f"{path}/contentType")
    if file.filename is not None:
        violations += check_filename(file.filename, f"{path}/filename")
    if file.alt_text is not None:
        violations += check_text(file.alt_text, f"{path}/altText")
    return violations


def _check_around(text: str | None, metadata: MediaMetadata | None, path: str) -> list[Violation]:
    violations = [] if text is None else check_text(text, f"{path}/text")
    if metadata is not None:
        violations += _check_metadata(metadata, f"{path}/metadata")
    return violations


def _check_metadata(metadata: MediaMetadata, path: str) -> list[Violation]:
    violations = check_telegram(metadata.telegram, path)
    if metadata.subject is not None:
        violations += check_subject(metadata.subject, f"{path}/subject")
    if metadata.fallback_text is not None:
        violations += check_text(metadata.fallback_text, f"{path}/fallbackText")
    return violations
