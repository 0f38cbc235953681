"""One row of the list of messages."""

from attrs import frozen

from messaging_adapters.viewer import text
from messaging_adapters.viewer.content import summary
from messaging_adapters.viewer.masking import addresses_of, mask, shown_name, without
from messaging_adapters.viewer.page_request import PageRequest
from messaging_adapters.viewer.reasons import is_in_doubt, reason_of
from messaging_adapters.viewer.statuses import MARKS, Mark
from messaging_adapters.viewer.times import Moment
from messaging_core.models.common.channel import MessageType
from messaging_core.models.content.body import AuthenticationBody
from messaging_core.models.messages.message import Direction, Message

_ERASED = "Content was removed"
_NO_RIGHT = "Content is not shown to your role"
_SECRET = "One-time code; content is not shown in lists"  # noqa: S105 - a text, no secret
_NO_TAGS_BEYOND = 3


@frozen(kw_only=True)
class Row:
    """A message as the list shows it.

    Attributes:
        words: Its subject, title or first words; nothing if the visitor does not see them.
        hidden: What is shown instead of the words.
        reason: Why it has its status.
        person: The name of the first receiver; or of the sender, if it came in.
        address: Masked; or how many receivers there are.
        parts: In how many parts the platform sent it, if there are several.
        tries: How often it was given to a transport, if that is known.
        came_in: Whether a person wrote it.
    """

    id: str
    url: str
    status: Mark
    in_doubt: bool
    platform: str
    words: str | None
    hidden: str | None
    reason: str | None
    person: str | None
    address: str
    channel: str
    tags: tuple[str, ...]
    parts: int
    tries: int | None
    accepted: Moment
    came_in: bool


def row_of(message: Message, request: PageRequest, tries: int | None = None) -> Row:
    """Return the row of a message; the number of its tries may be unknown."""
    channel = request.channels.get(message.channel_id)
    known = addresses_of(message)
    reason = reason_of(message, channel, request.times)
    hidden = why_hidden(message, request)
    return Row(
        id=str(message.id),
        url=request.urls.to("messages", str(message.id)),
        status=MARKS[message.status],
        in_doubt=is_in_doubt(message),
        platform=channel.platform if channel else "",
        words=None if hidden else words_of(message, known),
        hidden=hidden,
        reason=text.line(without(reason, known)) if reason else None,
        person=person_of(message),
        address=receiver_of(message),
        channel=text.line(channel.name if channel else str(message.channel_id)[:8]),
        tags=tuple(text.line(tag, 40) for tag in message.tags[:_NO_TAGS_BEYOND]),
        parts=len(message.parts),
        tries=tries,
        accepted=request.times.ago(message.created_at),
        came_in=message.direction is Direction.INCOMING,
    )


def why_hidden(message: Message, request: PageRequest) -> str | None:
    """Return why a list does not show the words of a message; codes are in no list."""
    if message.body is None:
        return None if message.template else _ERASED
    channel = request.channels.get(message.channel_id)
    of_codes = channel is not None and channel.message_type is MessageType.TWO_FACTOR
    if of_codes or isinstance(message.body, AuthenticationBody):
        return _SECRET
    return None if request.may_read(message.channel_id) else _NO_RIGHT


def words_of(message: Message, known: tuple[str, ...]) -> str:
    """Return the subject or the first words of a message, with known addresses masked."""
    if message.body is None:
        return "From a template"
    words = " ".join(summary(message.body).split())
    return text.line(without(words[: 2 * text.MOST_SHOWN], known))


def person_of(message: Message) -> str | None:
    """Return the name of the person to whom a message goes, or from whom it came."""
    person = message.sender.contact or next(iter(message.receiver.contacts), None)
    name = person.annotations.name if person and person.annotations else None
    return text.line(shown_name(name, addresses_of(message)), 80) if name else None


def receiver_of(message: Message) -> str:
    """Return the masked address of the person, or how many receivers there are."""
    if message.sender.contact:
        return text.line(mask(message.sender.contact.address), 80)
    contacts = message.receiver.contacts
    if len(contacts) > 1:
        return f"{len(contacts)} receivers"
    address = contacts[0].address if contacts else ""
    return text.line(mask(address), 80) if address else "no address"
