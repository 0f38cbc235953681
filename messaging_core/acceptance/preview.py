"""What would become of a request, without sending it."""

from datetime import datetime
from typing import Final

from messaging_core.acceptance.acceptor import MessageAcceptor
from messaging_core.acceptance.decision import Decision, decided
from messaging_core.acceptance.escalation import waiting_fallback, with_fallback, without_fallback
from messaging_core.acceptance.submission import PreparedRequest, Request, Submission
from messaging_core.contacts.receivers import known_people
from messaging_core.decisions.content.rendering import envelope_of
from messaging_core.models.common.channel import Channel
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.content.meta import Meta
from messaging_core.models.messages.envelope import SmsContent
from messaging_core.models.messages.message import Status
from messaging_core.models.people.contact import Contact
from messaging_core.models.policy.plan import Plan, Verdict
from messaging_core.policy.evaluator import PolicyEvaluator, PolicyInput
from messaging_core.ports.storage.transaction import Transaction

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
    with acceptor.context.storage.begin(read_only=True) as tx:
        return _planned(acceptor, prepared, tx, now)[0]


def _planned(
    acceptor: MessageAcceptor, prepared: PreparedRequest, tx: Transaction, now: datetime
) -> tuple[Plan, Decision]:
    """Return the plan of a request and of its fallbacks, by the facts that are stored now."""
    decision = _decided(acceptor, prepared, tx, now)
    fallback = waiting_fallback(prepared, decision, decision.message.id)
    plan: Plan | None = None
    if fallback is not None and fallback.admission is not None:
        plan, following = _planned(acceptor, fallback, tx, now)
        decision = with_fallback(decision, following, fallback.channel.name)
    elif fallback is not None:
        plan = Plan(verdict=Verdict.INVALID, violations=fallback.violations)
        decision = without_fallback(decision, fallback)
    return _plan(prepared.channel, decision, plan), decision


def _plan(channel: Channel, decision: Decision, fallback: Plan | None) -> Plan:
    message, delivery = decision.message, decision.delivery
    envelope = envelope_of(message, delivery, channel) if delivery else None
    content = envelope.content if envelope else None
    return Plan(
        verdict=_VERDICTS[message.status],
        reasons=decision.reasons,
        due_at=delivery.due_at if delivery else None,
        expires_at=delivery.expires_at if delivery else None,
        sms=content.sms if isinstance(content, SmsContent) else None,
        envelope=envelope,
        fallback=fallback,
    )


def _decided(
    acceptor: MessageAcceptor, prepared: PreparedRequest, tx: Transaction, now: datetime
) -> Decision:
    channel, context = prepared.channel, acceptor.context
    return decided(
        prepared,
        message_id=context.ids.new(now),
        people=known_people(tx, prepared.request, channel) if prepared.request else [],
        evaluator=PolicyEvaluator(tx, context.policies),
        linking=acceptor.linking,
        now=now,
        origin=prepared.origin,
    )


def next_allowed(
    acceptor: MessageAcceptor,
    channel: Channel,
    receiver: str,
    *,
    key: str | None = None,
    meta: Meta | None = None,
) -> datetime | None:
    """Return when a receiver may get a message; nothing where waiting changes nothing."""
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
        ruling = PolicyEvaluator(tx, acceptor.context.policies).evaluate(case, now)
    if not channel.active:
        return None
    return now if ruling is None else ruling.next_at


def _address(contact: Contact | None, channel: Channel, identifier: Identifier) -> str:
    """Return by which address the channel reaches a contact that was named by another key."""
    if contact is None or identifier.identifier_key == channel.identifier_key:
        return identifier.identifier_value
    own = [
        featured.value
        for featured in contact.featured_identifiers
        if featured.key == channel.identifier_key
    ]
    return own[0] if own else ""
