"""An email: as HTML in a frame of its own, as text, as source, and what checks say."""

from collections.abc import Sequence
from typing import Final

from attrs import evolve, frozen

from messaging_adapters.mail.compose import compose
from messaging_adapters.mail.failures import UnsendableError
from messaging_adapters.viewer import text
from messaging_adapters.viewer.access import Right
from messaging_adapters.viewer.mail_checks import Check, checks_of
from messaging_adapters.viewer.mail_frame import FramedMail, frame_mail
from messaging_adapters.viewer.masking import without
from messaging_adapters.viewer.page_request import PageRequest
from messaging_adapters.viewer.pages.message_files import FileView, files_of, pictures_of
from messaging_core.messages.inspection import Inspection
from messaging_core.models.messages.envelope import EmailContent
from messaging_core.models.policy.send_rules import Purpose
from messaging_core.rules.policy.consent import purpose_of

VIEWS: Final = {"html": "HTML", "text": "Text", "source": "Source", "checks": "Checks"}
_MOST_TEXT: Final = 200_000
_MOST_BYTES: Final = 4_000_000
_NO_SOURCE: Final = "The source is shown to those who may see content and addresses."


@frozen(kw_only=True)
class Tab:
    """A view of the mail."""

    word: str
    url: str
    is_current: bool
    number: int = 0


@frozen(kw_only=True)
class MailView:
    """An email.

    Attributes:
        view: Which of its views is shown.
        frame_path: Where the document with its HTML is.
        held_back: What was not loaded from outside, in words.
        inert: What would have done something, in words.
        words: Its text part.
        source: The mail as SMTP would get it; or why it is not shown.
        links: Where its links led; texts, no links.
    """

    subject: str
    sender: str
    view: str
    tabs: tuple[Tab, ...]
    frame_path: str | None
    held_back: str
    inert: str
    words: str | None
    source: str | None
    checks: tuple[Check, ...]
    links: tuple[str, ...]
    files: tuple[FileView, ...]


def mail_of(inspection: Inspection, known: Sequence[str], request: PageRequest) -> MailView | None:
    """Return an email, if it is one; addresses that are known are masked."""
    content = mail_content(inspection)
    if content is None or inspection.envelope is None:
        return None
    has_html = content.html is not None
    view = request.parameters.choice("view", VIEWS) or ("html" if has_html else "text")
    framed = framed_mail(content, known)
    checks = checks_of(content, framed, is_marketing=_is_marketing(inspection))
    sender = inspection.envelope.sender
    message_id = str(inspection.message.id)
    return MailView(
        subject=text.line(without(content.subject, known)) or "No subject",
        sender=text.line(f"{sender.name} <{sender.value}>" if sender and sender.name else "")
        or text.line(sender.value if sender else ""),
        view=view,
        tabs=tuple(_tabs(request, view, checks, has_html=has_html)),
        frame_path=request.urls.to("messages", message_id, "html") if has_html else None,
        held_back=framed.held_back if framed else "",
        inert=framed.inert if framed else "",
        words=text.lines(without(content.text, known), _MOST_TEXT) if content.text else None,
        source=_source(inspection, content, request) if view == "source" else None,
        checks=checks,
        links=tuple(text.line(without(link, known)) for link in framed.links) if framed else (),
        files=files_of(inspection.message),
    )


def shows_source(inspection: Inspection, request: PageRequest) -> bool:
    """Return whether the page shows the source of a mail, with all its addresses."""
    is_asked = request.parameters.get("view") == "source"
    may = request.may(Right.ADDRESSES) and request.may_read(inspection.message.channel_id)
    return is_asked and may and mail_content(inspection) is not None


def mail_content(inspection: Inspection) -> EmailContent | None:
    """Return the content of an email, if the message is one."""
    content = inspection.envelope.content if inspection.envelope else None
    return content if isinstance(content, EmailContent) else None


def framed_mail(content: EmailContent, known: Sequence[str]) -> FramedMail | None:
    """Return the HTML of a mail as a document, if it has HTML."""
    if content.html is None:
        return None
    pictures = pictures_of(content.attachments)
    return frame_mail(content.html, pictures=pictures, known=known)


def _is_marketing(inspection: Inspection) -> bool:
    channel, message = inspection.channel, inspection.message
    return channel is not None and (
        purpose_of(channel.message_type, message.meta) is Purpose.MARKETING
    )


def _tabs(request: PageRequest, view: str, checks: Sequence[Check], *, has_html: bool) -> list[Tab]:
    faults = sum(check.tone != "good" for check in checks)
    return [
        Tab(
            word=word,
            url=request.urls.to("messages", request.path["message_id"], query=[("view", name)]),
            is_current=name == view,
            number=faults if name == "checks" else 0,
        )
        for name, word in VIEWS.items()
        if name != "html" or has_html
    ]


def _fault(error: UnsendableError) -> str:
    failure = getattr(error.outcome, "failure", None)
    return failure.description if failure else "it cannot be sent as it stands"


def _source(inspection: Inspection, content: EmailContent, request: PageRequest) -> str:
    """Return the mail as SMTP would get it; files at URLs are left out, as none is loaded."""
    if not request.may(Right.ADDRESSES):
        return _NO_SOURCE
    assert inspection.envelope is not None  # noqa: S101 - for mypy
    here = tuple(file for file in content.attachments if file.content is not None)
    envelope = evolve(inspection.envelope, receivers=inspection.envelope.copies)
    try:
        mail = compose(envelope, evolve(content, attachments=here), media=None, limit=_MOST_BYTES)
    except UnsendableError as error:
        return f"The source cannot be written: {text.line(_fault(error))}"
    return text.lines(mail.content.decode(errors="replace"), _MOST_TEXT)
