"""The documents of a message: its mail in a frame, and its attachments for download."""

from typing import Final
from urllib.parse import quote

from messaging_adapters.viewer.access import Right
from messaging_adapters.viewer.headers import PRIVATE
from messaging_adapters.viewer.mail_frame import HEADERS
from messaging_adapters.viewer.masking import addresses_of
from messaging_adapters.viewer.page_request import PageRequest
from messaging_adapters.viewer.pages.message import (
    MESSAGE,
    hidden_because,
    inspected,
    record,
    record_opening,
)
from messaging_adapters.viewer.pages.message_files import attachments_of, content_of
from messaging_adapters.viewer.pages.message_mail import framed_mail, mail_content
from messaging_adapters.viewer.problems import ForbiddenError
from messaging_adapters.viewer.reads import Reads
from messaging_adapters.viewer.resources import Document, Resource
from messaging_core.errors import NotFoundError
from messaging_core.messages.inspection import Inspection
from messaging_core.models.common.audit import AuditAction

_LONGEST_NAME: Final = 150


async def _readable(request: PageRequest, reads: Reads) -> Inspection:
    """Return a message whose content the visitor may see.

    Raises:
        ForbiddenError: The visitor may not.
    """
    inspection = await inspected(request, reads)
    if hidden_because(inspection.message, request):
        lacks_content = not request.may(Right.CONTENT)
        raise ForbiddenError(Right.CONTENT if lacks_content else Right.SECRETS)
    return inspection


async def _html(request: PageRequest, reads: Reads) -> Document:
    """Answer with the HTML of a mail, as a document that can do nothing."""
    inspection = await _readable(request, reads)
    content = mail_content(inspection)
    framed = framed_mail(content, addresses_of(inspection.message)) if content else None
    if framed is None:
        raise NotFoundError("the message has no HTML")
    await record_opening(inspection, request, reads)
    body = framed.html.encode(errors="replace")
    return Document(body=body, media_type="text/html; charset=utf-8", headers=HEADERS)


async def _file(request: PageRequest, reads: Reads) -> Document:
    """Answer with an attachment, which a browser stores and does not open."""
    inspection = await _readable(request, reads)
    attachments, index = attachments_of(inspection.message), request.path["index"]
    is_number = index.isascii() and index.isdigit() and len(index) < 5  # noqa: PLR2004
    if not is_number or int(index) >= len(attachments):
        raise NotFoundError("the message has no such attachment")
    attachment = attachments[int(index)]
    content = content_of(attachment)
    if content is None:
        raise NotFoundError("the attachment is at a URL, which is not loaded")
    await record(AuditAction.DOWNLOADED, inspection.message.id, request, reads)
    headers = {
        **PRIVATE,
        "content-security-policy": "sandbox; default-src 'none'",
        "content-disposition": f"attachment; filename*=UTF-8''{_name(attachment.filename)}",
    }
    return Document(body=content, media_type="application/octet-stream", headers=headers)


def _name(filename: str) -> str:
    """Return a file name for a header: without folders and control characters (RFC 8187)."""
    name = filename.replace("\\", "/").rpartition("/")[2].strip(". ")
    printable = "".join(character for character in name if character.isprintable())
    return quote(printable[:_LONGEST_NAME] or "attachment", safe="", errors="replace")


MESSAGE_DOCUMENTS: Final = (
    Resource(path=f"{MESSAGE.path}/html", right=Right.CONTENT, answer=_html),
    Resource(path=f"{MESSAGE.path}/files/{{index}}", right=Right.CONTENT, answer=_file),
)
