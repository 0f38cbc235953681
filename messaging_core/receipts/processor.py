"""Match a receipt to its message and apply it; `status` derives the status from it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from messaging_core.contacts.devices import forget_devices
from messaging_core.context import EngineContext
from messaging_core.decisions.delivery.escalation import delivered
from messaging_core.decisions.delivery.settlement import may_have_gone
from messaging_core.decisions.status import events
from messaging_core.decisions.status.evidence import (
    NO_EVIDENCE,
    evidence_from_receipt,
    may_have_it,
)
from messaging_core.decisions.status.redaction import (
    is_redacted,
    redacted_event,
    redacted_interaction,
)
from messaging_core.decisions.status.resolution import platform_of
from messaging_core.lazy import logger
from messaging_core.models.common.channel import EMAIL, PUSH
from messaging_core.models.common.failure import Failure, FailureCode
from messaging_core.models.delivery.delivery import Delivery, Resolution
from messaging_core.models.delivery.event import Event, EventKind
from messaging_core.models.delivery.interaction import Interaction, InteractionType
from messaging_core.models.delivery.receipt import (
    InteractionReceipt,
    KeptReceipt,
    ReceiptState,
    ReceiptStatus,
    StatusReceipt,
)
from messaging_core.models.messages.message import Direction, Message
from messaging_core.models.people.suppression import Suppression, SuppressionCause, SuppressionScope
from messaging_core.policy.escalation import may_have_fallback, stop
from messaging_core.ports.storage.readable import readable
from messaging_core.ports.storage.transaction import Transaction
from messaging_core.receipts import reminders
from messaging_core.receipts.status import StatusResolver
from messaging_core.receipts.telemetry import ObservedReceipts
from messaging_core.rules.addressing.receiver import PLATFORM_KEYS
from messaging_core.rules.policy.lifecycle import never_went

_log = logger(__name__)

_CAUSES: Final = {
    InteractionType.REPORTED_AS_SPAM: SuppressionCause.COMPLAINT,
    InteractionType.UNSUBSCRIBE_REQUEST: SuppressionCause.UNSUBSCRIBE,
}


class ReceiptProcessor:
    """Apply what providers report, in one transaction; `flush` writes the last of it.

    Events and how far receipts have come are written for many receipts at once.
    """

    def __init__(self, tx: Transaction, context: EngineContext) -> None:
        self._tx = tx
        self._context = context
        self._resolver = StatusResolver(tx, context.channels.by_id)
        self._events: list[Event] = []
        self._applied: list[KeptReceipt] = []
        self._observed = ObservedReceipts(tx, context)

    def tell(self, took: timedelta = timedelta(0)) -> None:
        """Tell the telemetry what was applied, once the transaction is committed.

        Args:
            took: How long that took for all of it.
        """
        self._observed.tell(took)

    def match(self, workspace: UUID, references: Sequence[str]) -> None:
        """Let receipts that came early find the message that has these references now."""
        for entry in self._tx.receipts.unmatched(workspace, references):
            what = f"receipt {entry.position} could not be applied"
            readable(partial(self.apply, entry), what)
        self.flush()

    def flush(self) -> None:
        """Write down what was told and applied since the last time."""
        if self._events:
            self._tx.timeline.append(self._events)
        for workspace, positions in by_workspace(self._applied).items():
            self._tx.receipts.mark(workspace, positions, ReceiptState.APPLIED)
        self._events, self._applied = [], []

    def apply(self, entry: KeptReceipt) -> bool:
        """Let a receipt have its effect, once; false where there is no such message (yet)."""
        receipt = entry.receipt
        if receipt is None:
            # Once: from now on it is looked at no more.
            _log.error("receipt %d cannot be read, and is put aside", entry.position)
            self._tx.receipts.mark(entry.workspace, [entry.position], ReceiptState.UNREADABLE)
            return False
        if not isinstance(receipt, StatusReceipt | InteractionReceipt):
            return False
        if reminders.is_reminder(entry):
            self._look_again(entry, receipt)
            return False
        message = self._message_of(entry.workspace, receipt)
        if message is None:
            self._tx.receipts.mark(entry.workspace, [entry.position], ReceiptState.UNMATCHED)
            if receipt.reference:
                reminders.remind(self._tx, entry, self._context.now())
            return False
        delivery = self._tx.outbox.delivery(entry.workspace, message.id)
        if not self._is_about(entry.workspace, receipt, message, delivery):
            waiting = waits_for(message.id)
            self._tx.receipts.mark(
                entry.workspace, [entry.position], ReceiptState.UNMATCHED, waits_for=waiting
            )
            return False
        if isinstance(receipt, StatusReceipt):
            self._report(entry, receipt, message, delivery)
        else:
            self._interact(entry, receipt, message)
        self._observed.add(entry.workspace, receipt, message)
        self._applied.append(entry)
        return True

    def _look_again(self, entry: KeptReceipt, receipt: StatusReceipt | InteractionReceipt) -> None:
        """Apply what waits for a reference, if a message has it by now."""
        references = [receipt.reference] if receipt.reference else []
        if self._message_of(entry.workspace, receipt) is not None:
            self.match(entry.workspace, references)
        elif reminders.postponed(self._tx, entry, self._context.now()):
            return
        self._applied.append(entry)

    def _message_of(
        self, workspace: UUID, receipt: StatusReceipt | InteractionReceipt
    ) -> Message | None:
        """Return the message that a receipt names: by our id, or by the provider's reference.

        Source and channel must fit where they are given. Where several messages have one reference
        the newest counts, but never across channels: then the receipt has to name its channel, or
        a source that only one of them has.
        """
        messages = self._tx.messages
        if receipt.message_id:
            message = messages.get(workspace, receipt.message_id)
            if message:
                return message if self._fits(receipt, message.channel_id) else None
        if not receipt.reference:
            return None
        named = messages.by_references(workspace, [receipt.reference])
        candidates = [
            (message_id, channel_id)
            for message_id, channel_id in named.get(receipt.reference, ())
            if self._fits(receipt, channel_id)
        ]
        if len({channel_id for _, channel_id in candidates}) != 1:
            return None
        return messages.get(workspace, candidates[0][0])

    def _fits(self, receipt: StatusReceipt | InteractionReceipt, channel_id: UUID) -> bool:
        is_channel = receipt.channel_id in {None, channel_id}
        return is_channel and self._context.channels.sources.fits(receipt.source, channel_id)

    def _is_about(
        self,
        workspace: UUID,
        receipt: StatusReceipt | InteractionReceipt,
        message: Message,
        delivery: Delivery | None,
    ) -> bool:
        """Return whether a receipt can be about a message: it went, or may have gone.

        What people did may also be about a message that came in.
        """
        if message.direction is Direction.INCOMING:
            return isinstance(receipt, InteractionReceipt)
        if delivery is None:
            return not never_went(message.status)
        if delivery.handed_over or message.parts or may_have_gone(message, delivery):
            return True
        evidence = self._resolver.evidence_of(workspace, message.id)
        return evidence.handed_over or may_have_it(evidence)

    def _report(
        self,
        entry: KeptReceipt,
        receipt: StatusReceipt,
        message: Message,
        delivery: Delivery | None,
    ) -> None:
        recipient = _recipient(receipt.recipient, message)
        evidence = NO_EVIDENCE
        if recipient is not None:
            evidence = evidence_from_receipt(receipt, recipient=recipient)
        at = entry.received_at
        shown = self._resolver.apply(
            entry.workspace, message, delivery, evidence, at=at, how=Resolution.REPORTED
        )
        self._observed.add_status(entry.workspace, message, shown)
        if receipt.status is ReceiptStatus.FAILED and receipt.failure:
            self._suppress_bounced(entry, message, recipient, receipt.failure)
            self._forget_device(entry, message, recipient, receipt.failure)
        event = Event(
            workspace=entry.workspace,
            message_id=message.id,
            kind=EventKind.REPORTED,
            at=at,
            status=shown.status,
            outcome=receipt.provider_status or receipt.status,
            failure=receipt.failure,
            references=(receipt.reference,) if receipt.reference else (),
        )
        self._events.append(redacted_event(event) if is_redacted(message) else event)

    def _suppress_bounced(
        self, entry: KeptReceipt, message: Message, recipient: str | None, failure: Failure
    ) -> None:
        """Suppress an email address that hard-bounced."""
        if failure.code == FailureCode.UNKNOWN_RECEIVER:
            cause = SuppressionCause.HARD_BOUNCE
            scopes = (SuppressionScope.MARKETING, SuppressionScope.TRANSACTIONAL)
            self._suppress(entry, message, recipient, cause, scopes)

    def _forget_device(
        self, entry: KeptReceipt, message: Message, recipient: str | None, failure: Failure
    ) -> None:
        """Remove a push token that the provider no longer knows from its contact."""
        address = _one_address(recipient, message)
        channel = self._context.channels.get(message.channel_id)
        if channel is None or channel.platform != PUSH or not address:
            return
        if failure.code == FailureCode.UNKNOWN_RECEIVER:
            forget_devices(self._tx, entry.workspace, [address], channel, entry.received_at)

    def _suppress(
        self,
        entry: KeptReceipt,
        message: Message,
        recipient: str | None,
        cause: SuppressionCause,
        scopes: Collection[SuppressionScope],
    ) -> None:
        """Block the address that a report concerns, where it is clear which that is."""
        address = _one_address(recipient, message)
        platform = platform_of(message, self._context.channels.get(message.channel_id))
        if cause not in self._context.suppress_on or not address or platform != EMAIL:
            return
        at = entry.received_at
        blocks = [
            Suppression(
                identifier_key=PLATFORM_KEYS[EMAIL],
                identifier_value=address,
                scope=scope,
                cause=cause,
                at=at,
            )
            for scope in scopes
        ]
        self._tx.suppressions.add(entry.workspace, blocks)

    def _interact(self, entry: KeptReceipt, receipt: InteractionReceipt, message: Message) -> None:
        self.record_interaction(
            entry.workspace,
            message,
            at=entry.received_at,
            type=receipt.type,
            created_at=receipt.at,
            platform_id=receipt.platform_id,
            details=receipt.details,
            metadata=receipt.metadata,
        )

        cause = _CAUSES.get(receipt.type)
        if cause:
            recipient = _recipient(receipt.recipient, message)
            self._suppress(entry, message, recipient, cause, (SuppressionScope.MARKETING,))

    def record_interaction(
        self, workspace: UUID, message: Message, *, at: datetime, **said: Any
    ) -> Interaction:
        """Keep what a person did with a message, and tell of it.

        Args:
            workspace: The tenant.
            message: With what.
            at: The present.
            said: Fields of `Interaction` that the message does not give.
        """
        interaction = Interaction(
            id=self._context.ids.new(at),
            message_id=message.id,
            channel_id=message.channel_id,
            message_reference=message.reference,
            message_parts_count=len(message.parts) or None,
            message_tags=message.tags,
            receiver=message.receiver,
            **said,
        )
        if is_redacted(message):
            interaction = redacted_interaction(interaction)
        self._tx.receipts.add_interaction(workspace, interaction)
        channel = self._context.channels.get(message.channel_id)
        # A person who did something with a message has it; a scanner on the way may open links too.
        if may_have_fallback(channel) and not interaction.is_by_machine:
            stop(self._tx, workspace, message, delivered(message), at)
        self._events.append(events.interacted(workspace, message, interaction, at))
        return interaction


def _recipient(named: str | None, message: Message) -> str | None:
    """Return the recipient of a receipt: empty for all of them, `None` for an unknown address."""
    addresses = message.addresses
    if not named or len(addresses) <= 1:
        return ""
    folded: Mapping[str, str] = {address.casefold(): address for address in addresses}
    return folded.get(named.casefold())


def _one_address(recipient: str | None, message: Message) -> str | None:
    """Return the address that a report concerns, where it is clear which that is."""
    addresses = message.addresses
    return recipient or (addresses[0] if len(addresses) == 1 else None)


def waits_for(message_id: UUID) -> str:
    """Return for what a receipt waits that came before its message was handed over."""
    return f"message:{message_id.hex}"


def by_workspace(entries: Iterable[KeptReceipt]) -> dict[UUID, list[int]]:
    """Return the positions of receipts, by workspace."""
    positions: dict[UUID, list[int]] = {}
    for entry in entries:
        positions.setdefault(entry.workspace, []).append(entry.position)
    return positions
