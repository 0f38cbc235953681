"""What a contact may get now, by every send rule; nothing is sent or written."""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from messaging_core.contacts.editor import require_contact
from messaging_core.contacts.identifiers import plain
from messaging_core.context import EngineContext
from messaging_core.lazy import frozen
from messaging_core.models.common.channel import SMS, Channel
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.people.contact import Contact
from messaging_core.models.people.suppression import Suppression
from messaging_core.models.policy.plan import Reason
from messaging_core.models.policy.reasons import ReasonCode, because
from messaging_core.models.policy.send_rules import Course, SendRules
from messaging_core.policy.evaluator import PolicyEvaluator, PolicyInput
from messaging_core.ports.storage.transaction import Transaction
from messaging_core.rules.addressing.receiver import PLATFORM_KEYS
from messaging_core.rules.formats.zones import Zones, zones_of_receiver
from messaging_core.rules.policy.consent import identifier_on, is_held_out
from messaging_core.rules.policy.frequency import binds
from messaging_core.rules.policy.quiet_hours import is_quiet

MOST_CHANNELS: Final = 20


@frozen(kw_only=True)
class ChannelOutlook:
    """Whether a contact may get a message on one channel now, and when next.

    Attributes:
        address: By which the channel reaches the contact; empty if it does not.
        may_send: Whether a message that is due now would go now.
        reasons: Why it would, or would not.
        next_at: The first instant at which caps and quiet hours allow a message; absent if
            waiting does not help.
    """

    channel: Channel
    address: str
    may_send: bool
    reasons: tuple[Reason, ...] = ()
    next_at: datetime | None = None


@frozen(kw_only=True)
class CapUse:
    """How much of a frequency cap a contact has used on a platform.

    Attributes:
        used: Messages within the window that ends now.
        only_if_asked: Whether the cap binds only requests that ask for it.
    """

    platform: str
    limit: int
    window: timedelta
    used: int
    only_if_asked: bool


@frozen(kw_only=True)
class ContactInspection:
    """What is stored about one contact, and what it may get at one moment.

    Attributes:
        suppressions: Of all its addresses.
        held_out: Whether the contact gets nothing, because it is in the holdout of a channel.
        zones: The time zones in which the contact may be.
        zones_from: How they are known: `contact`, `number` or `fallback`.
        is_quiet: Whether a channel has quiet hours in any of these zones now.
        caps: Each frequency cap of each platform, once.
        channels: What the contact may get on each channel; the first 20.
    """

    contact: Contact
    suppressions: tuple[Suppression, ...] = ()
    held_out: bool = False
    zones: tuple[str, ...] = ()
    zones_from: str = ""
    is_quiet: bool = False
    caps: tuple[CapUse, ...] = ()
    channels: tuple[ChannelOutlook, ...] = ()


def inspect_contact(context: EngineContext, contact_id: str, workspace: UUID) -> ContactInspection:
    """Read a contact, and apply the send rules of every channel, in one transaction.

    Raises:
        UnknownContactError: This workspace has no such contact.
    """
    now, policies = context.now(), context.policies
    channels = _channels(context, workspace)
    rules = [policies.of(channel) for channel in channels]
    with context.storage.begin(read_only=True) as tx:
        contact = require_contact(tx, workspace, contact_id)
        identifiers = _identifiers(contact, channels)
        suppressions = tx.suppressions.for_addresses(workspace, identifiers)
        caps = tuple(_caps(tx, contact, channels, rules, now))
        evaluator = PolicyEvaluator(tx, policies)
        outlooks = tuple(_outlook(evaluator, contact, channel, now) for channel in channels)
    zones = _zones(contact, rules)
    return ContactInspection(
        contact=contact,
        suppressions=tuple(own for address in suppressions.values() for own in address),
        held_out=any(own.holdout and is_held_out(contact, own.holdout) for own in rules),
        zones=zones.names,
        zones_from=zones.source,
        is_quiet=_is_quiet(zones, rules, now),
        caps=caps,
        channels=outlooks,
    )


def _channels(context: EngineContext, workspace: UUID) -> list[Channel]:
    channels = context.channels.by_id.values()
    own = (channel for channel in channels if channel.workspace == workspace)
    return sorted(own, key=lambda channel: channel.name)[:MOST_CHANNELS]


def _identifiers(contact: Contact, channels: Collection[Channel]) -> list[Identifier]:
    """Return the addresses of a contact, as suppressions name them."""
    own = [plain(identifier) for identifier in contact.featured_identifiers]
    own += [
        identifier_on(channel, identifier.value)
        for channel in channels
        for identifier in contact.featured_identifiers
        if identifier.key == channel.identifier_key
    ]
    return list(dict.fromkeys(own))


def _outlook(
    evaluator: PolicyEvaluator, contact: Contact, channel: Channel, now: datetime
) -> ChannelOutlook:
    address = _address(contact, channel.identifier_key)
    case = PolicyInput(
        channel=channel, receivers=[(contact.id, address)], due_at=now, sender=channel.sender
    )
    ruling = evaluator.evaluate(case, now)
    if ruling is None:
        return _without_ruling(channel, address, now)
    return ChannelOutlook(
        channel=channel,
        address=address,
        may_send=ruling.course is Course.SEND,
        reasons=ruling.reasons,
        next_at=ruling.next_at,
    )


def _without_ruling(channel: Channel, address: str, now: datetime) -> ChannelOutlook:
    """Return the outlook where no send rule asks about the contact."""
    reasons = []
    if not channel.active:
        reasons.append(because(ReasonCode.CHANNEL_INACTIVE, channel=channel.name))
    if not address:
        reasons.append(because(ReasonCode.RECEIVER_UNREACHABLE, platform=channel.platform))
    return ChannelOutlook(
        channel=channel,
        address=address,
        may_send=not reasons,
        reasons=tuple(reasons),
        next_at=None if reasons else now,
    )


def _address(contact: Contact, key: str) -> str:
    own = (own.value for own in contact.featured_identifiers if own.key == key)
    return next(own, "")


def _caps(
    tx: Transaction,
    contact: Contact,
    channels: Collection[Channel],
    rules: Collection[SendRules],
    now: datetime,
) -> Iterator[CapUse]:
    pairs = dict.fromkeys(
        (channel.platform, cap)
        for channel, own in zip(channels, rules, strict=True)
        for cap in own.frequency_caps
        if binds(cap, channel.platform, channel.message_type, cap_frequency=True)
    )
    for platform, cap in pairs:
        sent = tx.send_history.since(
            contact.workspace_id, contact.id, platform=platform, since=now - cap.window
        )
        yield CapUse(
            platform=platform,
            limit=cap.limit,
            window=cap.window,
            used=sum(now - cap.window < at for at, _ in sent),
            only_if_asked=cap.only_if_asked,
        )


def _zones(contact: Contact, rules: Collection[SendRules]) -> Zones:
    fallbacks = (own.quiet_hours.fallback_zone for own in rules if own.quiet_hours)
    number = _address(contact, PLATFORM_KEYS[SMS]) or None
    return zones_of_receiver(contact.time_zone, number, next(fallbacks, "UTC"))


def _is_quiet(zones: Zones, rules: Collection[SendRules], now: datetime) -> bool:
    return any(
        is_quiet(now, own.quiet_hours.windows, zone)
        for own in rules
        if own.quiet_hours
        for zone in zones.names
    )
