"""A channel: one platform with one sender."""

from datetime import timedelta
from enum import StrEnum
from uuid import UUID, uuid5

from attrs import Factory, field, frozen

from messaging_core.arguments import (
    a,
    a_text,
    any_span,
    any_whole,
    checked_init,
    choice,
    flag,
    optional,
    uuid,
)
from messaging_core.models.common.escalation import Escalation
from messaging_core.models.common.platform_rules import PlatformRules
from messaging_core.models.common.sender_pool import SenderPool, sender_pool

DEFAULT_WORKSPACE = UUID(int=0)
"""The workspace of a host with one tenant."""

SMS = "sms"
EMAIL = "email"
PUSH = "push"

IN_DOUBT_TIMEOUT = timedelta(seconds=120)
"""How long a message in doubt waits for proof, unless its channel says otherwise."""

_IDENTIFIER_KEYS = {SMS: "phonenumber", EMAIL: "emailaddress", PUSH: "pushtoken"}


class MessageType(StrEnum):
    """The use of a channel; it decides validity, priority and which send rules bind."""

    PROMOTIONAL = "promotional"
    CONVERSATIONAL = "conversational"
    TRANSACTIONAL = "transactional"
    TWO_FACTOR = "2fa"


class WhenInDoubt(StrEnum):
    """What happens to a message that may or may not have been handed over."""

    RESEND = "resend"
    FAIL = "fail"
    PARK = "park"


@checked_init(
    name=a_text,
    platform=a_text,
    sender=optional(a_text),
    sender_name=optional(a_text),
    message_type=choice(*MessageType, case=str.lower),
    workspace=uuid,
    id=uuid,
    active=flag,
    mms=flag,
    smart_encoding=flag,
    max_parts=optional(any_whole),
    identifier_key=a_text,
    allow_unassigned_numbers=flag,
    unsubscribe_url=optional(a_text),
    unsubscribe_mailto=optional(a_text),
    when_in_doubt=choice(*WhenInDoubt, case=str.lower),
    in_doubt_timeout=any_span,
    concurrency=optional(any_whole),
    rules=optional(a(PlatformRules, "PlatformRules", "write rules=PlatformRules(max_text=4096)")),
    escalation=optional(
        a(Escalation, "Escalation", 'write Escalation(channel="texts", after=timedelta(minutes=5))')
    ),
)
@frozen(kw_only=True, cache_hash=True)
class Channel:
    """One platform with one sender; give it to `Messenger` together with its transport.

    Attributes:
        name: The host's name for it, unique in its workspace.
        platform: `sms`, `email`, `push`, or the host's own (`^[A-Za-z0-9-]{3,60}$`).
        sender: The number, sender id, email address or app that messages come from.
        senders: Several senders that share the receivers, with their weights, as a dict; or a
            list of senders with equal weights. Each receiver keeps its sender, as long as the
            pool has it. `sender` is then the name under which opt-outs are kept: leave it as it
            is when the pool changes.
        sender_name: The display name of the sender.
        message_type: The use of the channel.
        workspace: The tenant; hosts with one tenant omit it.
        id: By default made of workspace and name (UUIDv5), so that it is stable.
        active: An inactive channel accepts nothing.
        mms: Whether pictures and files can be sent (SMS only).
        smart_encoding: Whether characters are replaced by their nearest equivalent in GSM-7, if
            the text then fits GSM-7 or needs fewer parts (SMS only).
        max_parts: The most parts of one message; a longer text is refused (SMS only). By default
            255, the most that a phone can join.
        identifier_key: The contact identifier that reaches the platform; by default
            `phonenumber`, `emailaddress` or `pushtoken`, on other platforms the platform's name.
        allow_unassigned_numbers: Whether phone numbers are accepted that have a possible length,
            but belong to a range that the number plans (`phonenumbers`) do not know.
        unsubscribe_url: The URL to which a mail program posts when its reader unsubscribes with
            one click (RFC 8058, email only): https; `{messageId}` in it is replaced. Marketing
            emails have it in their `List-Unsubscribe`.
        unsubscribe_mailto: An email address for the same purpose.
        when_in_doubt: By default `fail` on promotional channels and `resend` on others.
        in_doubt_timeout: How long a message in doubt waits for evidence before `when_in_doubt`
            decides.
        concurrency: How many of its messages a worker hands over at the same time, so that a slow
            provider does not delay other channels; by default the worker's `threads`.
        rules: The limits of a platform of the host's own; sms, email and push have built-in rules.
        escalation: Which channel takes over from it when a message is not delivered in time.
    """

    name: str
    platform: str
    sender: str | None = None
    senders: SenderPool | None = field(default=None, converter=sender_pool, metadata={"wire": None})
    sender_name: str | None = None
    message_type: MessageType = field(default=MessageType.TRANSACTIONAL, converter=MessageType)
    workspace: UUID = DEFAULT_WORKSPACE
    id: UUID = Factory(lambda self: uuid5(self.workspace, self.name), takes_self=True)
    active: bool = True
    mms: bool = False
    smart_encoding: bool = False
    max_parts: int | None = None
    identifier_key: str = Factory(
        lambda self: _IDENTIFIER_KEYS.get(self.platform, self.platform), takes_self=True
    )
    allow_unassigned_numbers: bool = False
    unsubscribe_url: str | None = None
    unsubscribe_mailto: str | None = None
    when_in_doubt: WhenInDoubt = field(
        default=Factory(
            lambda self: (
                WhenInDoubt.FAIL
                if self.message_type is MessageType.PROMOTIONAL
                else WhenInDoubt.RESEND
            ),
            takes_self=True,
        ),
        converter=WhenInDoubt,
    )
    in_doubt_timeout: timedelta = field(default=IN_DOUBT_TIMEOUT, metadata={"wire": None})
    concurrency: int | None = field(default=None, metadata={"wire": None})
    rules: PlatformRules | None = field(default=None, metadata={"wire": None}, repr=False)
    escalation: Escalation | None = field(default=None, metadata={"wire": None})
