"""What a workspace or a channel has set up on when and to whom may be sent, and what is known."""

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
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.people.suppression import Suppression
from messaging_core.models.policy.plan import Reason


class Weekday(IntEnum):
    """Name a day of the week, numbered as `date.weekday()` does."""

    MONDAY = 0
    TUESDAY = 1
    WEDNESDAY = 2
    THURSDAY = 3
    FRIDAY = 4
    SATURDAY = 5
    SUNDAY = 6


def set_of_weekdays(value: Any, name: str) -> Any:
    """Allow weekdays, by themselves or by their numbers, or one alone."""
    days = several("weekdays", alone=int)(value, name)
    try:
        return frozenset(Weekday(day) for day in days)
    except ValueError:
        remedy = f"write {name}=[Weekday.SATURDAY, Weekday.SUNDAY]"
        raise refuse(name, "weekdays, or numbers from 0 for Monday to 6", value, remedy) from None


class QuietAction(StrEnum):
    """Choose what becomes of a message that falls into quiet hours."""

    HOLD = "hold"
    DROP = "drop"
    BYPASS = "bypass"


@checked_init(start=time_of_day, end=time_of_day, days=set_of_weekdays)
@frozen(kw_only=True)
class QuietWindow:
    """Keep a part of the week quiet, by the receiver's clock on the wall.

    Attributes:
        start: When it begins; this moment is quiet.
        end: When it is over; this moment is not quiet. An `end` that is not after `start` is on the
            day after: 21:00 to 08:00 is a night, and 00:00 to 00:00 a whole day.
        days: The days it begins on.
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
    """Say when receivers are left in peace, and what that means for a message.

    Attributes:
        windows: None at all is never quiet, which is how a channel opts out of its workspace's.
        message_types: Which channels are bound.
        action: Hold the message until they end, drop it, or only note that they were passed over.
        fallback_zone: IANA name of the zone for receivers of whom none is known.
    """

    windows: tuple[QuietWindow, ...]
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
    """Let a contact get so many messages on a platform within a rolling window, and no more.

    Attributes:
        platforms: Which platforms are capped, each counted by itself; empty means every one.
        message_types: Which channels are bound; empty means all.
        only_if_asked: Bind only requests with `capFrequency`, as the Bird Channels API does.
    """

    limit: int = 1
    window: timedelta = timedelta(days=1)
    platforms: frozenset[str] = frozenset()
    message_types: frozenset[MessageType] = frozenset()
    only_if_asked: bool = True


@frozen(kw_only=True)
class Holdout:
    """Define who gets nothing: a contact list, or a boolean attribute of contacts; one of both."""

    list_id: UUID | None = None
    attribute: str | None = None


@checked_init(
    quiet_hours=optional(a(QuietHours, "QuietHours", "write QuietHours(windows=[…])")),
    frequency_caps=several("frequency caps", alone=FrequencyCap),
    holdout=optional(a(Holdout, "a Holdout", 'write Holdout(attribute="control")')),
    subscription_required=set_of(several("platforms", alone=str)),
)
@frozen(kw_only=True)
class SendRules:
    """Collect what is set up for a workspace or a channel; the default restricts nothing.

    Attributes:
        subscription_required: Platforms on which marketing goes to subscribed contacts only; on
            others a contact of whom no subscription is known gets it too.
    """

    quiet_hours: QuietHours | None = None
    frequency_caps: tuple[FrequencyCap, ...] = ()
    holdout: Holdout | None = None
    subscription_required: frozenset[str] = frozenset()


class Purpose(StrEnum):
    """Tell the two kinds of messages apart that a person can be suppressed for."""

    MARKETING = "marketing"
    TRANSACTIONAL = "transactional"


@frozen(kw_only=True)
class ReceiverFacts:
    """Everything that is known of one receiver and that a send rule may ask for.

    Attributes:
        identifier: The address that the message would really use, see `identifier_on`; absent
            where there is none.
        time_zone: The contact's own, as an IANA name.
        subscriptions: By platform, whether the contact is subscribed; absent is *blank*.
        suppressions: Those of the address.
        held_out: Whether the contact is in the global holdout.
        sent_at: When messages that count for a cap went to the contact on this platform, at
            least those within the longest window; in any order.
    """

    identifier: Identifier | None
    time_zone: str | None = None
    subscriptions: Mapping[str, bool] = field(factory=dict)
    suppressions: tuple[Suppression, ...] = ()
    held_out: bool = False
    sent_at: tuple[datetime, ...] = ()


class Course(StrEnum):
    """Say what the send rules make of a message.

    Attributes:
        SEND: It goes at its time.
        HOLD: It goes later than its time.
        SKIP: It does not go, and nothing went wrong.
        REJECT: It does not go, and the caller has to know.
        EXPIRE: It is too late for it to go.
    """

    SEND = "send"
    HOLD = "hold"
    SKIP = "skip"
    REJECT = "reject"
    EXPIRE = "expire"


@frozen(kw_only=True)
class Ruling:
    """What the send rules decide on a message.

    Attributes:
        reasons: Of every rule that had something to say, in the order of the rules.
        due_at: When it goes; absent when it does not.
        next_at: The earliest instant at which caps and quiet hours would let it go, whatever its
            validity; absent where waiting changes nothing.
        excluded: The receivers who must not get it, by their place.
    """

    course: Course
    reasons: tuple[Reason, ...] = ()
    due_at: datetime | None = None
    next_at: datetime | None = None
    excluded: frozenset[int] = frozenset()
