"""What would become of a request, without sending it."""

from datetime import datetime
from typing import Final

from messaging_core.acceptance.acceptor import MessageAcceptor
from messaging_core.acceptance.submission import PreparedRequest, Request, Submission
from messaging_core.acceptance.writer import drafted
from messaging_core.contacts.receivers import known_people
from messaging_core.decisions.content.rendering import envelope_of
from messaging_core.models.common.channel import Channel
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.content.meta import Meta
from messaging_core.models.delivery.delivery import Delivery
from messaging_core.models.messages.envelope import SmsContent
from messaging_core.models.messages.message import Message, Status
from messaging_core.models.people.contact import Contact
from messaging_core.models.policy.plan import Plan, Reason, Verdict
from messaging_core.policy.evaluator import PolicyEvaluator, PolicyInput

_VERDICTS: Final = {
    Status.ACCEPTED: Verdict.ACCEPTED,
    Status.SCHEDULED: Verdict.SCHEDULED,
    Status.SKIPPED: Verdict.SKIPPED,
    Status.REJECTED: Verdict.REJECTED,
}


def preview(acceptor: MessageAcceptor, channel: Channel, request: Request) -> Plan:
    """Return what accepting a request would come to now; nothing is written."""
    now = acceptor.context.now()
    prepared = acceptor.prepare(Submission(channel=channel, request=request), now)
    if prepared.request is None or prepared.admission is None:
        return Plan(verdict=Verdict.INVALID, violations=prepared.violations)
    message, delivery, reasons = _with_policy(acceptor, prepared, now)
    if prepared.has_links and delivery:
        delivery, _ = acceptor.linking.draw(message, delivery, prepared.channel)
    envelope = envelope_of(message, delivery, prepared.channel) if delivery else None
    content = envelope.content if envelope else None
    return Plan(
        verdict=_VERDICTS[message.status],
        reasons=(*prepared.admission.reasons, *reasons),
        due_at=delivery.due_at if delivery else None,
        expires_at=delivery.expires_at if delivery else None,
        sms=content.sms if isinstance(content, SmsContent) else None,
        envelope=envelope,
    )


def _with_policy(
    acceptor: MessageAcceptor, prepared: PreparedRequest, now: datetime
) -> tuple[Message, Delivery | None, tuple[Reason, ...]]:
    """Draft the message, and let the send rules decide on it, by what is known now."""
    channel = prepared.channel
    with acceptor.context.storage.begin(read_only=True) as tx:
        message, delivery = drafted(
            prepared,
            message_id=acceptor.context.ids.new(now),
            people=known_people(tx, prepared.request, channel) if prepared.request else [],
            now=now,
        )
        if delivery is None:
            return message, None, ()
        return PolicyEvaluator(tx, acceptor.context.policies).decide(
            message, delivery, channel, now, counts=False
        )


def next_allowed(
    acceptor: MessageAcceptor,
    channel: Channel,
    receiver: str,
    *,
    key: str | None = None,
    meta: Meta | None = None,
) -> datetime | None:
    """Return when a message to somebody may go; nothing where waiting changes nothing."""
    now = acceptor.context.now()
    identifier = Identifier(identifier_key=key or channel.identifier_key, identifier_value=receiver)
    with acceptor.context.storage.begin(read_only=True) as tx:
        contact_id = tx.contacts.by_identifiers(channel.workspace, [identifier]).get(identifier)
        case = PolicyInput(
            channel=channel,
            receivers=[
                (
                    contact_id,
                    _address(
                        tx.contacts.get(channel.workspace, contact_id) if contact_id else None,
                        channel,
                        identifier,
                    ),
                )
            ],
            due_at=now,
            meta=meta,
            sender=channel.sender,
        )
        ruling = PolicyEvaluator(tx, acceptor.context.policies).rule(case, now)
    if not channel.active:
        return None
    return now if ruling is None else ruling.next_at


def _address(contact: Contact | None, channel: Channel, identifier: Identifier) -> str:
    """Return by which address the channel reaches a contact that was named by another key."""
    if contact is None or identifier.identifier_key == channel.identifier_key:
        return identifier.identifier_value
    own = [one.value for one in contact.featured_identifiers if one.key == channel.identifier_key]
    return own[0] if own else ""
