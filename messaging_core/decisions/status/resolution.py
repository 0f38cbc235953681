"""Status resolution: the status of a message that follows from all its evidence together."""

from collections.abc import Iterable, Sequence
from enum import IntEnum

from messaging_core.decisions.status.evidence import latest_failure, proves_hand_over
from messaging_core.models.common.channel import EMAIL, SMS, Channel
from messaging_core.models.common.failure import Failure
from messaging_core.models.content.body import TextBody
from messaging_core.models.delivery.evidence import Evidence, Reported
from messaging_core.models.messages.message import Message, Status
from messaging_core.rules.addressing.receiver import PLATFORM_KEYS
from messaging_core.rules.formats.sms import encode_smartly, split_sms
from messaging_core.rules.policy.lifecycle import can_be_reported

_ONE_PART = 70
"""Texts of at most this many characters fit into one SMS part in every encoding."""


class _PartState(IntEnum):
    """The state of one part or receiver. If reports disagree, the greatest value wins."""

    OPEN = 0
    FAILED = 1
    DELIVERED = 2
    BOUNCED = 3


def platform_of(message: Message, channel: Channel | None) -> str:
    """Return the platform of a message; it is never guessed from the form of an address.

    Args:
        message: The message.
        channel: Its channel. If the host removed it, the kind of the receivers' identifiers
            names the platform.
    """
    if channel is not None:
        return channel.platform
    keys = {contact.identifier_key for contact in message.receiver.contacts}
    return next((name for name, key in PLATFORM_KEYS.items() if key in keys), "")


def resolve_status(
    message: Message, evidence: Evidence, platform: str, *, smart_encoding: bool = False
) -> tuple[Status, Failure | None]:
    """Return the status and the failure of a message, given all evidence.

    A message that was never handed over keeps its status, and so does one that every attempt
    refused. A receipt for such a message is a mistake of the provider.

    Args:
        message: The message with its current status.
        evidence: All evidence, merged.
        platform: On `email` a bounce may follow a delivery. Elsewhere a delivery is final.
        smart_encoding: Whether the channel sends an SMS in GSM-7 where equivalents allow it.
    """
    may_have_been_accepted = evidence.doubted or bool(evidence.late)
    if not proves_hand_over(evidence) or not can_be_reported(
        message.status, doubted=may_have_been_accepted
    ):
        return message.status, message.failure
    if platform == EMAIL:
        state = _state_by_recipient(message, evidence.reported)
    else:
        has_one_part = platform != SMS or not _has_several_parts(message, smart_encoding)
        state = _state_by_part(message, evidence, has_one_part=has_one_part)
    if state is _PartState.DELIVERED:
        return Status.DELIVERED, None
    if state in {_PartState.FAILED, _PartState.BOUNCED}:
        return Status.DELIVERY_FAILED, latest_failure(evidence.reported)
    return Status.SENT, message.failure if message.status is Status.SENT else None


def _state_by_recipient(message: Message, reports: Iterable[Reported]) -> _PartState:
    """Return the state of an email. One delivered receiver makes it delivered."""
    for_all: list[Reported] = []
    by_recipient: dict[str, list[Reported]] = {address: [] for address in message.addresses}
    for report in reports:
        if not report.recipient:
            for_all.append(report)
        elif report.recipient in by_recipient:  # others are not receivers of this message
            by_recipient[report.recipient].append(report)
    states = [_mailbox_state([*own, *for_all]) for own in by_recipient.values()]
    for state in (_PartState.DELIVERED, _PartState.BOUNCED, _PartState.OPEN):
        if state in states:
            return state
    return _PartState.FAILED


def _mailbox_state(reports: Sequence[Reported]) -> _PartState:
    """Compare the provider's own times: a failure later than a delivery is a bounce."""
    deliveries = [report.delivered_at for report in reports if report.delivered_at]
    failures = [report.failed_at for report in reports if report.failed_at]
    delivered_at, failed_at = min(deliveries, default=None), max(failures, default=None)
    if delivered_at is None:
        return _PartState.OPEN if failed_at is None else _PartState.FAILED
    is_bounce = failed_at is not None and failed_at > delivered_at
    return _PartState.BOUNCED if is_bounce else _PartState.DELIVERED


def _state_by_part(message: Message, evidence: Evidence, *, has_one_part: bool) -> _PartState:
    """Return the state of a message with parts: all must be delivered, one failure fails it.

    If the message was handed over more than once, one complete delivery is enough.
    """
    attempts = [message.references, *(hand_over.references for hand_over in evidence.late)]
    by_reference: dict[str, list[Reported]] = {}
    for report in evidence.reported:
        by_reference.setdefault(report.reference, []).append(report)
    states = [_attempt_state(references, by_reference) for references in attempts if references]
    named = {reference for references in attempts for reference in references}
    unnamed = [report for report in evidence.reported if report.reference not in named]
    return max([*states, _unnamed_state(unnamed, has_one_part=has_one_part)])


def _attempt_state(references: Iterable[str], reports: dict[str, list[Reported]]) -> _PartState:
    parts = [reports.get(reference, []) for reference in references]
    if all(any(report.delivered_at for report in part) for part in parts):
        return _PartState.DELIVERED
    has_failure = any(report.failed_at for part in parts for report in part)
    return _PartState.FAILED if has_failure else _PartState.OPEN


def _unnamed_state(reports: Iterable[Reported], *, has_one_part: bool) -> _PartState:
    """Return the state by reports whose reference no answer has named yet.

    A report without a reference is about the whole message, and so is every report about a
    message of one part. Of several parts, one that was delivered says nothing about the others;
    a late answer may still name them.
    """
    states = [_PartState.OPEN]
    for report in reports:
        if report.delivered_at and (has_one_part or not report.reference):
            states.append(_PartState.DELIVERED)
        elif report.failed_at:
            states.append(_PartState.FAILED)
    return max(states)


def _has_several_parts(message: Message, smart_encoding: bool) -> bool:  # noqa: FBT001 - private
    """Return True if an SMS needs several parts, as far as its body shows."""
    text = message.body.text if isinstance(message.body, TextBody) else ""
    if smart_encoding:
        text = encode_smartly(text)
    return len(text) > _ONE_PART and split_sms(text).count > 1
