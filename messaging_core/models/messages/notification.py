"""One text to many users on several channels, in the form of the Mia-Platform Messaging Service."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, overload
from uuid import UUID

from attrs import field

from messaging_core.lazy import frozen
from messaging_core.models.common.fields import tuple_of
from messaging_core.models.people.user import Unresolved

_OCTETS = 16


@frozen(kw_only=True)
class Notification:
    """A request for one message to each user on each channel; the JSON is that of the service.

    Texts may hold `{{user.…}}`, filled from the record of each user, and `{{data.…}}`.

    Attributes:
        channels: Platforms, such as `email`, `sms` and `push`.
        recipients: Ids of users.
        clusters: Groups of users; a user in several groups gets one message.
        message_title: Subject of an email, title of a push message.
        message_content: The text for every channel; in an email it is plain.
        template_id: A stored template; then title and content are ignored.
        data: Values for the texts.
        email_attachments: Names of files, in addition to those of the template.
        email_carbon_copies: Email addresses; invalid ones are ignored.
        email_blind_carbon_copies: The same, hidden from the other receivers.
        email_sender: The sender address, instead of the channel's own.
    """

    channels: tuple[str, ...] = field(converter=tuple_of[str])
    recipients: tuple[str, ...] = field(default=(), converter=tuple_of[str])
    clusters: tuple[str, ...] = field(default=(), converter=tuple_of[str])
    message_title: str | None = field(default=None, repr=False)
    message_content: str | None = field(default=None, repr=False)
    template_id: str | None = None
    data: Mapping[str, Any] = field(factory=dict, repr=False)
    email_attachments: tuple[str, ...] = field(default=(), converter=tuple_of[str], repr=False)
    email_carbon_copies: tuple[str, ...] = field(default=(), converter=tuple_of[str], repr=False)
    email_blind_carbon_copies: tuple[str, ...] = field(
        default=(), converter=tuple_of[str], repr=False
    )
    email_sender: str | None = field(default=None, repr=False)


@frozen(kw_only=True)
class NotificationFailure:
    """A user who certainly gets nothing on a channel, because of an error.

    Attributes:
        user_id: The id as in the recipients.
        channel: The platform, as in the notification.
        error: Short text without addresses or content.
        message_id: The message that failed, if there is one; not shown on the wire.
    """

    user_id: str
    channel: str
    error: str
    message_id: UUID | None = field(default=None, metadata={"wire": None})


@frozen(kw_only=True)
class NotificationSkip:
    """A user who gets nothing on a channel, although no error occurred.

    Attributes:
        user_id: The id as in the recipients.
        channel: The platform, as in the notification.
        reason: Stable code, such as `receiver.unreachable` or `frequency.capped`.
        message_id: The message that was skipped, if there is one.
    """

    user_id: str
    channel: str
    reason: str
    message_id: UUID | None = None


class MessageIds(Sequence[UUID]):
    """Ids of any number of messages, in 16 octets each."""

    def __init__(self, ids: Iterable[UUID] = ()) -> None:
        self._octets = bytearray()
        for message_id in ids:
            self.append(message_id)

    def append(self, message_id: UUID) -> None:
        """Add an id to the end."""
        self._octets += message_id.bytes

    def __len__(self) -> int:
        """Return the number of ids."""
        return len(self._octets) // _OCTETS

    @overload
    def __getitem__(self, place: int) -> UUID: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[UUID]: ...
    def __getitem__(self, place: int | slice) -> UUID | Sequence[UUID]:
        """Return one id, or several."""
        if isinstance(place, slice):
            return [self[index] for index in range(*place.indices(len(self)))]
        start = range(len(self))[place] * _OCTETS
        return UUID(bytes=bytes(self._octets[start : start + _OCTETS]))

    def __iter__(self) -> Iterator[UUID]:
        """Yield the ids in order."""
        return (self[place] for place in range(len(self)))

    def __eq__(self, other: object) -> bool:
        """Return whether both have the same ids in the same order."""
        return isinstance(other, MessageIds) and self._octets == other._octets

    def __hash__(self) -> int:
        """Return a number that does not change as it grows."""
        return id(type(self))

    def __repr__(self) -> str:
        """Return the number of ids, because there may be very many."""
        return f"<{len(self)} message ids>"


@frozen(kw_only=True)
class NotificationReport:
    """The result of a notification; its JSON is that of the service, with a few more fields.

    Attributes:
        failures: Users who certainly get nothing, one entry for each channel.
        skipped: Users who get nothing on a channel, although no error occurred.
        unresolved: Recipients and clusters that the directory does not know.
        messages: All accepted messages, also those that failed later; the `reference` of each
            message is the id of its user. Not shown on the wire.
    """

    failures: tuple[NotificationFailure, ...]
    skipped: tuple[NotificationSkip, ...] = ()
    unresolved: tuple[Unresolved, ...] = ()
    messages: Sequence[UUID] = field(factory=MessageIds, metadata={"wire": None})
