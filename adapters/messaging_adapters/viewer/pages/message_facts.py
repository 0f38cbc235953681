"""The facts about a message: names, ids and times, each with what can be done with it."""

from collections.abc import Iterator, Sequence
from uuid import UUID

from attrs import frozen

from messaging_adapters.mail.compose import message_id_of
from messaging_adapters.mail.failures import UnsendableError
from messaging_adapters.viewer import text
from messaging_adapters.viewer.masking import without
from messaging_adapters.viewer.page_request import PageRequest
from messaging_core.messages.inspection import Inspection
from messaging_core.messages.replay import REPLAY
from messaging_core.models.common.channel import EMAIL
from messaging_core.models.messages.message import Message

_LONG = 200


@frozen(kw_only=True)
class Fact:
    """One fact.

    Attributes:
        name: What it is.
        value: In words.
        url: Where a click leads.
        copied: What a button copies; nothing where there is none.
        is_code: Whether it is for programs.
    """

    name: str
    value: str
    url: str | None = None
    copied: str | None = None
    is_code: bool = False


@frozen(kw_only=True)
class Tag:
    """A tag, with the link to all messages that have it."""

    word: str
    url: str


def facts_of(
    inspection: Inspection, known: Sequence[str], request: PageRequest
) -> tuple[Fact, ...]:
    """Return the facts about a message, but for its receivers and its tags."""
    return tuple(_facts(inspection, known, request))


def tags_of(message: Message, request: PageRequest) -> tuple[Tag, ...]:
    """Return the tags of a message."""
    return tuple(
        Tag(word=text.line(tag, 60), url=request.urls.to("messages", query=[("tag", tag)]))
        for tag in message.tags
    )


def _facts(inspection: Inspection, known: Sequence[str], request: PageRequest) -> Iterator[Fact]:
    message, channel, times = inspection.message, inspection.channel, request.times
    if channel is None:
        yield Fact(name="Channel", value=f"{message.channel_id}, which the host no longer has")
    else:
        yield Fact(
            name="Channel",
            value=f"{text.line(channel.name, 60)}, {channel.message_type}",
            url=request.urls.to("messages", query=[("channel", channel.name)]),
        )
    if (sender := message.sender.address) and not _is_mail(inspection):
        yield Fact(name="From", value=text.line(sender, _LONG))
    yield _code("Id", str(message.id))
    if mail_id := _message_id(inspection):
        yield _code("Message-ID", f"<{mail_id}>")
    if message.reference:
        yield _reference(message.reference, known, request)
    yield from _template(message, request)
    yield from _origin(message, request)
    if inspection.replayed_as:
        yield _link("Sent again as", str(inspection.replayed_as), request)
    if message.scheduled_for:
        yield Fact(name="Scheduled for", value=times.written(message.scheduled_for))
    if inspection.delivery:
        yield Fact(name="Tries", value=str(inspection.delivery.attempts))
        yield Fact(name="Valid until", value=times.written(inspection.delivery.expires_at))
    yield Fact(name="Kept", value="until this application purges it")


def _is_mail(inspection: Inspection) -> bool:
    """Return whether the head of a mail says already who sent it."""
    return inspection.channel is not None and inspection.channel.platform == EMAIL


def _code(name: str, value: str) -> Fact:
    shown = text.line(value, _LONG)
    return Fact(name=name, value=shown, copied=shown, is_code=True)


def _reference(reference: str, known: Sequence[str], request: PageRequest) -> Fact:
    """Return the reference of the host; a link to it must not hold an address."""
    shown = text.line(without(reference, known), _LONG)
    is_plain = shown == reference and "@" not in reference
    url = request.urls.to("messages", query=[("reference", reference)]) if is_plain else None
    return Fact(name="Reference", value=shown, url=url, copied=shown, is_code=True)


def _message_id(inspection: Inspection) -> str | None:
    envelope, channel = inspection.envelope, inspection.channel
    if envelope is None or channel is None or channel.platform != EMAIL:
        return None
    try:
        return message_id_of(envelope)
    except UnsendableError:
        return None


def _template(message: Message, request: PageRequest) -> Iterator[Fact]:
    template = message.template
    if template is None or not (name := template.name or template.project_id):
        return
    parts = [name, template.locale, template.version and f"version {template.version}"]
    url = None
    if template.project_id and template.version:
        url = request.urls.to("templates", template.project_id, template.version)
    yield Fact(name="Template", value=text.line(", ".join(filter(None, parts)), _LONG), url=url)


def _origin(message: Message, request: PageRequest) -> Iterator[Fact]:
    origin = message.origin
    if origin is None:
        return
    if origin.type == REPLAY:
        yield _link("Sent again from", origin.id, request)
    else:
        yield Fact(name="Came from", value=text.line(f"{origin.type} {origin.id}", _LONG))


def _link(name: str, message_id: str, request: PageRequest) -> Fact:
    """Return a fact that leads to another message."""
    url = request.urls.to("messages", message_id) if _is_id(message_id) else None
    return Fact(name=name, value=text.line(message_id), url=url, is_code=True)


def _is_id(value: str) -> bool:
    try:
        UUID(value)
    except ValueError:
        return False
    return True
