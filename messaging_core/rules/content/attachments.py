"""Which files may be attached to a message."""

import binascii
from collections.abc import Sequence
from typing import Final

from messaging_core.lazy import pattern
from messaging_core.models.common.violation import Violation
from messaging_core.models.content.body import Attachment
from messaging_core.rules.content.media import check_filename, check_media_type
from messaging_core.rules.formats.platforms import WITHOUT_ATTACHMENTS
from messaging_core.rules.formats.uris import check_web_url

MAX_INLINE_SIZE: Final = 100 * 1024
"""Most octets of a file that is sent along in the request (Bird: 100 KB; the factor is ours)."""

_MAX_ENCODED_LENGTH: Final = (MAX_INLINE_SIZE + 2) // 3 * 4
_CONTENT_ID: Final = pattern(r"[!#-;=?-\[\]-~]{1,255}")


def check_attachments(
    attachments: Sequence[Attachment], platform: str, path: str, *, inline_content: bool = False
) -> list[Violation]:
    """Hold attachments to the Bird Channels API, rule 20, and to what the platform carries.

    Args:
        attachments: Of a text or HTML body, or of a template.
        platform: Of the channel; one that carries no attachments refuses them all.
        path: Where they are in the request.
        inline_content: Whether files may be sent along as base64, which only HTML bodies may.
    """
    if attachments and platform in WITHOUT_ATTACHMENTS:
        message = f"{platform} carries no attachments: send an image or file body, or a link"
        return [Violation(path, "attachment.unsupported_on_platform", message)]
    check_source = _check_html_source if inline_content else _check_plain_source
    violations: list[Violation] = []
    seen: set[str] = set()
    for index, attachment in enumerate(attachments):
        here = f"{path}/{index}"
        violations += check_source(attachment, here)
        violations += _check_labels(attachment, here)
        if attachment.inline or attachment.content_id is not None:
            violations += _check_content_id(attachment, here, seen, required=inline_content)
    return violations


def content_id_of(attachment: Attachment) -> str | None:
    """Return the name that `cid:` in the HTML refers to; `None` where there is none.

    Blanks around it mean nothing. A file shown inline goes by its file name where it was given no
    content id.
    """
    own = attachment.content_id
    text = (attachment.filename if attachment.inline else "") if own is None else own.strip(" ")
    return text if _CONTENT_ID.fullmatch(text) and "=?" not in text else None


def check_content(content: str, path: str) -> list[Violation]:
    """Refuse what is not the base64 (RFC 4648 §4, padded, unbroken) of 1 octet to 100 KiB."""
    if not content:
        return [Violation(path, "attachment.empty", "the file is empty")]
    if len(content) > _MAX_ENCODED_LENGTH:
        return _too_large(path)
    size = _decoded_size(content)
    if size is None:
        message = "base64 with its padding, without line breaks (RFC 4648)"
        return [Violation(path, "attachment.not_base64", message)]
    return _too_large(path) if size > MAX_INLINE_SIZE else []


def _decoded_size(content: str) -> int | None:
    if len(content) % 4 or content.endswith("==="):  # the decoder overlooks too much padding
        return None
    try:
        return len(binascii.a2b_base64(content, strict_mode=True))
    except ValueError:
        return None


def _too_large(path: str) -> list[Violation]:
    message = f"a file in the request has at most {MAX_INLINE_SIZE} bytes: name it by mediaUrl"
    return [Violation(path, "attachment.too_large", message)]


def _check_plain_source(attachment: Attachment, path: str) -> list[Violation]:
    violations = []
    if attachment.content is not None:
        message = "only HTML bodies carry files as content: name the file by mediaUrl"
        here = f"{path}/content"
        violations.append(Violation(here, "attachment.content_not_allowed", message))
    if attachment.media_url is None:
        message = "name the file by mediaUrl"
        violations.append(Violation(path, "attachment.no_media_url", message))
    return violations


def _check_html_source(attachment: Attachment, path: str) -> list[Violation]:
    if attachment.content is None:
        if attachment.media_url is not None:
            return []
        message = "give the file by mediaUrl, or as content with its contentType"
        return [Violation(path, "attachment.no_source", message)]
    violations = check_content(attachment.content, f"{path}/content")
    if attachment.media_url is not None:
        message = "give the file by mediaUrl or as content, not both"
        violations.append(Violation(path, "attachment.two_sources", message))
    if attachment.content_type is None:
        message = "content needs its contentType, such as application/pdf"
        violations.append(Violation(path, "attachment.no_content_type", message))
    return violations


def _check_labels(attachment: Attachment, path: str) -> list[Violation]:
    violations = check_filename(attachment.filename, f"{path}/filename")
    if attachment.media_url is not None:
        violations += check_web_url(attachment.media_url, f"{path}/mediaUrl")
    if attachment.content_type is not None:
        violations += check_media_type(attachment.content_type, f"{path}/contentType")
    return violations


def _check_content_id(
    attachment: Attachment, path: str, seen: set[str], *, required: bool
) -> list[Violation]:
    here = f"{path}/contentId"
    content_id = content_id_of(attachment)
    if content_id is None and attachment.content_id is not None:
        message = '1 to 255 printable ASCII characters without blanks, brackets, ", \\ and =?'
        return [Violation(here, "attachment.bad_content_id", message)]
    if attachment.content_id is None and not required:
        return []  # nothing in the mail refers to it
    if content_id is None:
        message = "the file name cannot serve as the name for cid: give a contentId"
        return [Violation(here, "attachment.no_content_id", message)]
    if content_id in seen:
        message = "another attachment has this name for cid: give each a contentId of its own"
        return [Violation(here, "attachment.duplicate_content_id", message)]
    seen.add(content_id)
    return []
