"""Store the evidence of messages, and derive their statuses from it.

The last step of a receipt. The pure part is `decisions.status`: `evidence`, then `resolution`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from attrs import evolve

from messaging_core.decisions.delivery.settlement import IN_DOUBT, pending_addresses, proved
from messaging_core.decisions.status import events
from messaging_core.decisions.status.evidence import (
    DOUBT_EVIDENCE,
    NO_EVIDENCE,
    merge,
    proven_recipients,
)
from messaging_core.decisions.status.redaction import is_redacted
from messaging_core.decisions.status.resolution import platform_of, resolve_status
from messaging_core.models.common.channel import Channel
from messaging_core.models.delivery.delivery import Delivery, Resolution, Settlement
from messaging_core.models.delivery.evidence import Evidence
from messaging_core.models.messages.message import Message
from messaging_core.policy.escalation import follow, may_have_fallback
from messaging_core.ports.storage.readable import readable_message
from messaging_core.ports.storage.transaction import Transaction
from messaging_core.rules.policy.lifecycle import cause_of_report, transition


class StatusResolver:
    """Add evidence to messages and project their statuses, in one transaction.

    A status comes from two sources. The worker settles its own attempts. Receipts and late
    answers are evidence: they are stored beside the message, and the status is computed from
    all of them together::

        receipt, late answer --> evidence --merge--> all evidence --resolve_status--> status
                                 (stored)                              ^
        settlement of the worker ----------> status before evidence ---+

    Evidence may arrive before or after the settlement that it belongs to. `apply` handles
    evidence that arrives later, `reconcile` evidence that arrived earlier.
    """

    def __init__(self, tx: Transaction, channels: Mapping[UUID, Channel]) -> None:
        self._tx = tx
        self._channels = channels

    def evidence_of(self, workspace: UUID, message_id: UUID) -> Evidence:
        """Return the stored evidence of a message."""
        return self._tx.receipts.evidence(workspace, [message_id]).get(message_id, NO_EVIDENCE)

    def add_evidence(self, workspace: UUID, message_id: UUID, new: Evidence) -> Evidence:
        """Store more evidence of a message, and return all of it."""
        stored = self.evidence_of(workspace, message_id)
        merged = merge(stored, new)
        # Providers repeat receipts. A repetition changes nothing, so it is not written.
        if merged != stored:
            self._tx.receipts.save_evidence(workspace, message_id, merged)
        return merged

    def apply(  # noqa: PLR0913 - by keyword beyond the fourth
        self,
        workspace: UUID,
        message: Message,
        delivery: Delivery | None,
        new: Evidence,
        *,
        at: datetime,
        how: Resolution,
    ) -> Message:
        """Add evidence to a message, and return it with the status that follows.

        If the evidence proves that every remaining receiver got the message, its delivery ends
        and it counts as sent. Evidence about a redacted message is ignored: too little is left
        of the message to judge it.

        Args:
            workspace: The tenant.
            message: The message with its current status.
            delivery: Its row in the outbox; None if it waits no longer.
            new: The evidence to add.
            at: The time of the change.
            how: What ended the doubt, if the message was in doubt.
        """
        if new == NO_EVIDENCE or is_redacted(message):
            return message
        if message.details == IN_DOUBT:
            # The doubt must outlive the details, which the next settlement may replace.
            new = merge(new, DOUBT_EVIDENCE)
        evidence = self.add_evidence(workspace, message.id, new)
        if delivery is None:
            return self._project(workspace, message, evidence, at)
        remaining = pending_addresses(message, delivery)
        if not remaining <= proven_recipients(evidence, remaining):
            return message
        if not self._tx.outbox.finish(workspace, message.id):
            # A worker holds the lease. It settles the message, and `reconcile` then applies
            # the evidence that was stored here.
            return message
        if message.details == IN_DOUBT:
            self._tx.timeline.increment(events.resolved(how))
        sent = proved(message, delivery, at)
        self._tx.messages.update(workspace, sent)
        return self._project(workspace, sent, evidence, at)

    def reconcile(self, workspace: UUID, settlements: Sequence[Settlement]) -> None:
        """Apply evidence that was stored before the final settlement of its message."""
        ended = [
            settlement.lease.message_id
            for settlement in settlements
            if settlement.next_due_at is None
        ]
        for message_id, evidence in self._tx.receipts.evidence(workspace, ended).items():
            message = readable_message(self._tx, workspace, message_id)
            if message is None:
                continue
            projected = self._project(workspace, message, evidence, message.updated_at)
            if projected.status is not message.status:
                self._tx.timeline.append([events.joined(workspace, projected)])

    def _project(
        self, workspace: UUID, message: Message, evidence: Evidence, at: datetime
    ) -> Message:
        """Write and return the message with the status that follows from all evidence."""
        channel = self._channels.get(message.channel_id)
        status, failure = resolve_status(
            message,
            evidence,
            platform_of(message, channel),
            smart_encoding=channel is not None and channel.smart_encoding,
        )
        if (status, failure) == (message.status, message.failure):
            return message
        reason = failure.description or None if failure else None
        if status is message.status:
            projected = evolve(message, failure=failure, reason=reason, updated_at=at)
        else:
            cause = cause_of_report(message.status, status)
            if cause is None:
                # Only `delivered` to `sent` gets here: a late answer names more parts than the
                # delivered one. A reported delivery is not withdrawn; the reports about the
                # other parts decide.
                return message
            projected = transition(message, status, at, cause=cause, failure=failure, reason=reason)
        self._tx.messages.update(workspace, projected)
        if may_have_fallback(channel) and projected.status is not message.status:
            follow(self._tx, workspace, projected, at)
        return projected
