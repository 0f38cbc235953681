"""The send rules of workspaces and channels, and the facts and rulings that they work with."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from enum import IntEnum, StrEnum
from typing import Any
from uuid import UUID

from attrs import field

from messaging_core.arguments import (
    a,
    a_text,
    any_span,
    any_whole,
    checked_init,
    choice,
    flag,
    members,
    optional,
    refuse,
    set_of,
    several,
    time_of_day,
)
from messaging_core.lazy import frozen
from messaging_core.models.common.channel import MessageType
from messaging_core.models.common.fields import tuple_of
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.people.suppression import Suppression
from messaging_core.models.policy.plan import Reason


class Weekday(IntEnum):
    """A day of the week, with the numbers of `date.weekday()`."""

    MONDAY = 0
    TUESDAY = 1
    WEDNESDAY = 2
    THURSDAY = 3
    FRIDAY = 4
    SATURDAY = 5
    SUNDAY = 6


def set_of_weekdays(value: Any, name: str) -> Any:
    """Allow weekdays or their numbers, in a collection or alone."""
    days = several("weekdays", alone=int)(value, name)
    try:
        return frozenset(Weekday(day) for day in days)
    except ValueError:
        remedy = f"write {name}=[Weekday.SATURDAY, Weekday.SUNDAY]"
        raise refuse(name, "weekdays, or numbers from 0 for Monday to 6", value, remedy) from None


class QuietAction(StrEnum):
    """What happens to a message that is due in quiet hours."""

    HOLD = "hold"
    DROP = "drop"
    BYPASS = "bypass"


@checked_init(start=time_of_day, end=time_of_day, days=set_of_weekdays)
@frozen(kw_only=True)
class QuietWindow:
    """A part of the week that is quiet, in the local time of the receiver.

    Attributes:
        start: The first quiet instant.
        end: The first instant that is not quiet. An `end` that is not after `start` is on the next
            day: 21:00 to 08:00 is a night, and 00:00 to 00:00 a whole day.
        days: The days on which it starts.
    """

    start: time
    end: time
    days: frozenset[Weekday] = frozenset(Weekday)


@checked_init(
    windows=several("quiet windows", alone=QuietWindow),
    message_types=set_of(members(MessageType)),
    action=choice(*QuietAction, case=str.lower),
    fallback_zone=a_text,
)
@frozen(kw_only=True)
class QuietHours:
    """When receivers must not get messages, and what happens to a message then.

    Attributes:
        windows: The quiet windows. Without any, no time is quiet: so a channel opts out of the
            quiet hours of its workspace.
        message_types: The message types of the channels that are bound.
        action: Hold the message until the quiet hours end, drop it, or send it with a reason.
        fallback_zone: IANA name of the zone of receivers whose zone is unknown.
    """

    windows: tuple[QuietWindow, ...] = field(converter=tuple_of[QuietWindow])
    message_types: frozenset[MessageType] = frozenset({MessageType.PROMOTIONAL})
    action: QuietAction = QuietAction.HOLD
    fallback_zone: str = "UTC"


@checked_init(
    limit=any_whole,
    window=any_span,
    platforms=set_of(several("platforms", alone=str)),
    message_types=set_of(members(MessageType)),
    only_if_asked=flag,
)
@frozen(kw_only=True)
class FrequencyCap:
    """The most messages that a contact gets on a platform within a rolling window.

    Attributes:
        platforms: The platforms, each counted separately; empty means all.
        message_types: The message types of the channels that are bound; empty means all.
        only_if_asked: Bind only requests with `capFrequency`, as the Bird Channels API does.
    """

    limit: int = 1
    window: timedelta = timedelta(days=1)
    platforms: frozenset[str] = frozenset()
    message_types: frozenset[MessageType] = frozenset()
    only_if_asked: bool = True


@frozen(kw_only=True)
class Holdout:
    """The contacts that get nothing: a contact list, or a boolean attribute; one of both."""

    list_id: UUID | None = None
    attribute: str | None = None


@checked_init(
    quiet_hours=optional(a(QuietHours, "QuietHours", "write QuietHours(windows=[…])")),
    frequency_caps=several("frequency caps", alone=FrequencyCap),
    holdout=optional(a(Holdout, "a Holdout", 'write Holdout(attribute="control")')),
    subscription_required=set_of(several("platforms", alone=str)),
    mail_tracking=flag,
)
@frozen(kw_only=True)
class SendRules:
    """The send rules of a workspace or a channel; the default restricts nothing.

    Attributes:
        subscription_required: Platforms on which only subscribed contacts get marketing; on other
            platforms a contact without a known subscription gets it too.
        mail_tracking: Count opens and clicks of the emails that ask for it. If False, neither the
            engine nor a provider counts them, whatever a request says.
    """

    quiet_hours: QuietHours | None = None
    frequency_caps: tuple[FrequencyCap, ...] = field(default=(), converter=tuple_of[FrequencyCap])
    holdout: Holdout | None = None
    subscription_required: frozenset[str] = frozenset()
    mail_tracking: bool = True


class Purpose(StrEnum):
    """The two kinds of messages that a person can refuse."""

    MARKETING = "marketing"
    TRANSACTIONAL = "transactional"


@frozen(kw_only=True)
class ReceiverFacts:
    """The data of one receiver that send rules depend on.

    Attributes:
        identifier: The address that the message would use, see `identifier_on`; absent if there
            is none.
        time_zone: The contact's own, as an IANA name.
        subscriptions: By platform, whether the contact is subscribed; absent is *blank*.
        suppressions: The suppressions of the address.
        held_out: Whether the contact is in the global holdout.
        sent_at: When messages that count for a cap were sent to the contact on this platform: at
            least those within the longest window, in any order.
    """

    identifier: Identifier | None
    time_zone: str | None = None
    subscriptions: Mapping[str, bool] = field(factory=dict)
    suppressions: tuple[Suppression, ...] = ()
    held_out: bool = False
    sent_at: tuple[datetime, ...] = ()


class Course(StrEnum):
    """What the send rules decide on a message.

    Attributes:
        SEND: It is sent at its time.
        HOLD: It is sent later than its time.
        SKIP: It is not sent, and that is no error.
        REJECT: It is not sent, and the caller must know.
        EXPIRE: It is too late to send it.
    """

    SEND = "send"
    HOLD = "hold"
    SKIP = "skip"
    REJECT = "reject"
    EXPIRE = "expire"


@frozen(kw_only=True)
class Ruling:
    """A decision of the send rules on a message, with its reasons.

    Attributes:
        reasons: The reasons of every rule that applies, in the order of the rules.
        due_at: When it is sent; absent if it is not sent.
        next_at: The earliest instant at which caps and quiet hours would allow it, whatever its
            validity; absent if waiting does not help.
        excluded: The indexes of the receivers that must not get it.
    """

    course: Course
    reasons: tuple[Reason, ...] = ()
    due_at: datetime | None = None
    next_at: datetime | None = None
    excluded: frozenset[int] = frozenset()
