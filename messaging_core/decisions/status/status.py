"""The status of a message as all evidence shows it, in whatever order the evidence came.

Evidence is only ever added: `join` of two pieces is the same whichever came first, and however
often one of them comes. `status_of` looks at all of it at once. So receipts may be late, doubled
or out of order, and every order ends in the same status.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import IntEnum
from typing import Final

from messaging_core.models.common.channel import EMAIL, SMS, Channel
from messaging_core.models.common.failure import Failure
from messaging_core.models.content.body import TextBody
from messaging_core.models.delivery.delivery import OutcomeKind, Settlement
from messaging_core.models.delivery.evidence import Evidence, HandOver, Reported
from messaging_core.models.delivery.receipt import ReceiptStatus, StatusReceipt
from messaging_core.models.messages.message import Message, Status
from messaging_core.rules.addressing.receiver import PLATFORM_KEYS
from messaging_core.rules.formats.sms import split_sms
from messaging_core.rules.policy.lifecycle import can_be_reported

NOTHING: Final = Evidence()

_ONE_PART = 70
"""So many characters fit into one part, whatever they are made of."""


class _Fate(IntEnum):
    """How one part or receiver has fared; of several reports the greatest counts."""

    OPEN = 0
    FAILED = 1
    DELIVERED = 2
    BOUNCED = 3


def evidence_of(receipt: StatusReceipt, *, recipient: str) -> Evidence:
    """Return what one receipt says.

    Args:
        receipt: What the provider reported.
        recipient: Whom it concerns, as the message writes the address; empty where all.
    """
    status = receipt.status
    if status is None:
        return NOTHING
    failed = status is ReceiptStatus.FAILED
    return Evidence(
        reported=(
            Reported(
                recipient=recipient,
                reference=receipt.reference or "",
                delivered_at=receipt.at if status is ReceiptStatus.DELIVERED else None,
                failed_at=receipt.at if failed else None,
                failure=receipt.failure if failed else None,
            ),
        )
    )


def join(one: Evidence, other: Evidence) -> Evidence:
    """Put two pieces of evidence together: commutative, associative, and nothing counts twice."""
    reported: dict[tuple[str, str], Reported] = {}
    for report in (*one.reported, *other.reported):
        place = (report.recipient, report.reference)
        reported[place] = _joined(reported[place], report) if place in reported else report
    late = {hand_over.references: hand_over for hand_over in (*one.late, *other.late)}
    return Evidence(
        doubted=one.doubted or other.doubted,
        handed_over=one.handed_over or other.handed_over,
        late=tuple(late[references] for references in sorted(late)),
        reported=tuple(reported[place] for place in sorted(reported)),
    )


def _joined(one: Reported, other: Reported) -> Reported:
    last = max(one, other, key=_failure_order)
    deliveries = [at for at in (one.delivered_at, other.delivered_at) if at]
    return Reported(
        recipient=one.recipient,
        reference=one.reference,
        delivered_at=min(deliveries, default=None),
        failed_at=last.failed_at,
        failure=last.failure,
    )


def _failure_order(report: Reported) -> tuple[object, ...]:
    """Order reports of failure by their time, and those of one time by what they say."""
    failure, at = report.failure, report.failed_at
    source = failure.source if failure else None
    return (
        at is not None,
        at or datetime.min,  # noqa: DTZ901 - only compared with itself
        failure is not None,
        failure.code if failure else 0,
        failure.description if failure else "",
        (source.name, source.code) if source else ("", ""),
    )


def proves_hand_over(evidence: Evidence) -> bool:
    """Tell whether a provider certainly had the message at some time."""
    return bool(evidence.late or evidence.reported)


def may_have_it(evidence: Evidence) -> bool:
    """Tell whether a provider has, or may have, the message by what is known of it."""
    return evidence.doubted or proves_hand_over(evidence)


def platform_of(message: Message, channel: Channel | None) -> str:
    """Return the platform of a message, never guessed by what its addresses look like.

    Args:
        message: What was sent.
        channel: Its channel; where the host does not have it any more, the kind of the receivers'
            identifiers tells.
    """
    if channel is not None:
        return channel.platform
    keys = {contact.identifier_key for contact in message.receiver.contacts}
    return next((name for name, key in PLATFORM_KEYS.items() if key in keys), "")


def proven_recipients(evidence: Evidence, addresses: Iterable[str]) -> frozenset[str]:
    """Return those of the addresses for which a provider certainly had the message."""
    all_of_them = frozenset(addresses)
    if evidence.late or any(not report.recipient for report in evidence.reported):
        return all_of_them
    return all_of_them & {report.recipient for report in evidence.reported}


def status_of(message: Message, evidence: Evidence, platform: str) -> tuple[Status, Failure | None]:
    """Return the status that all evidence together gives a message, and its failure.

    A message that was never handed over keeps its status, and so does one whose attempts were all
    refused outright: a receipt for it is somebody's mistake.

    Args:
        message: As the engine's own settlements, and evidence so far, left it.
        evidence: All of it.
        platform: On `email` a bounce may follow a delivery; elsewhere a delivery is the last word.
    """
    doubted = evidence.doubted or bool(evidence.late)
    if not can_be_reported(message.status, doubted=doubted) or not proves_hand_over(evidence):
        return message.status, message.failure
    reports = evidence.reported
    fate = (
        _fate_by_recipient(message, reports)
        if platform == EMAIL
        else _fate_by_part(message, evidence, platform)
    )
    if fate is _Fate.DELIVERED:
        return Status.DELIVERED, None
    if fate in {_Fate.FAILED, _Fate.BOUNCED}:
        return Status.DELIVERY_FAILED, _failure(reports)
    return Status.SENT, message.failure if message.status is Status.SENT else None


def _failure(reports: Iterable[Reported]) -> Failure | None:
    failed = [report for report in reports if report.failed_at]
    return max(failed, key=_failure_order).failure if failed else None


def _fate_by_recipient(message: Message, reports: Iterable[Reported]) -> _Fate:
    """Return how an email has fared: delivered to anybody counts as delivered."""
    of_all: list[Reported] = []
    own: dict[str, list[Reported]] = {address: [] for address in message.addresses}
    for report in reports:
        # Of somebody who is not among the receivers it says nothing.
        (own.get(report.recipient, []) if report.recipient else of_all).append(report)
    fates = [_fate_of_mail([*its, *of_all]) for its in own.values()]
    if _Fate.DELIVERED in fates:
        return _Fate.DELIVERED
    if _Fate.BOUNCED in fates:
        return _Fate.BOUNCED
    return _Fate.OPEN if _Fate.OPEN in fates else _Fate.FAILED


def _fate_of_mail(reports: Iterable[Reported]) -> _Fate:
    """Compare the provider's own times: a failure after a delivery is a bounce, and stays one."""
    delivered = min((one.delivered_at for one in reports if one.delivered_at), default=None)
    failed = max((one.failed_at for one in reports if one.failed_at), default=None)
    if delivered is None:
        return _Fate.OPEN if failed is None else _Fate.FAILED
    return _Fate.BOUNCED if failed is not None and failed > delivered else _Fate.DELIVERED


def _fate_by_part(message: Message, evidence: Evidence, platform: str) -> _Fate:
    """Return how a message of several parts has fared: all must arrive, one may fail it.

    Where it was handed over more than once, one whole arrival is enough.
    """
    own = message.references
    attempts = [own, *(hand_over.references for hand_over in evidence.late)]
    by_reference: dict[str, list[Reported]] = {}
    for report in evidence.reported:
        by_reference.setdefault(report.reference, []).append(report)
    named = {reference for references in attempts for reference in references}
    unnamed = [one for key, its in by_reference.items() if key not in named for one in its]
    fates = [_fate_of_parts(references, by_reference) for references in attempts if references]
    is_whole = platform != SMS or not _has_several_parts(message)
    return max([*fates, _fate_of_any(unnamed, is_whole=is_whole)])


def _fate_of_parts(references: Iterable[str], reports: dict[str, list[Reported]]) -> _Fate:
    parts = [reports.get(reference, []) for reference in references]
    if all(any(one.delivered_at for one in part) for part in parts):
        return _Fate.DELIVERED
    failed = any(one.failed_at for part in parts for one in part)
    return _Fate.FAILED if failed else _Fate.OPEN


def _fate_of_any(reports: Iterable[Reported], *, is_whole: bool) -> _Fate:
    """Return what reports say of references that no answer has named yet.

    One without a reference speaks of the whole message. So does any other, if it has one part; of
    several, one that arrived says nothing about the rest, which a late answer may yet name.
    """
    fates = [
        _Fate.DELIVERED
        if one.delivered_at and (is_whole or not one.reference)
        else _Fate.FAILED
        if one.failed_at
        else _Fate.OPEN
        for one in reports
    ]
    return max(fates, default=_Fate.OPEN)


def _has_several_parts(message: Message) -> bool:
    """Tell whether an SMS goes out in several parts, as far as its body shows."""
    text = message.body.text if isinstance(message.body, TextBody) else ""
    return len(text) > _ONE_PART and split_sms(text).count > 1


def late_answer(references: tuple[str, ...]) -> Evidence:
    """Return what it says that an attempt was accepted after its lease was lost."""
    return Evidence(late=(HandOver(references=references),))


def proof_of(late: Settlement) -> Evidence:
    """Return what an answer proves that came after its lease was lost: who was accepted."""
    if late.outcome is OutcomeKind.ACCEPTED:
        return late_answer(late.references)
    served = tuple(Reported(recipient=address) for address in sorted(set(late.accepted)))
    return Evidence(doubted=True, reported=served) if served else NOTHING


DOUBT: Final = Evidence(doubted=True)
"""What it says that an attempt may have been accepted or not."""

HANDED_OVER: Final = Evidence(handed_over=True)
"""What it says that an attempt passed the point of no return, and was not accepted."""
