"""What applying receipts tells a `Telemetry`, once it is committed."""

from datetime import timedelta
from uuid import UUID

from attrs import evolve

from messaging_core.context import EngineContext
from messaging_core.models.delivery.receipt import InteractionReceipt, StatusReceipt
from messaging_core.models.delivery.telemetry import (
    Operation,
    OperationKind,
    OperationResult,
    StatusCount,
)
from messaging_core.models.messages.message import Message
from messaging_core.ports.storage.transaction import Transaction
from messaging_core.ports.telemetry import NO_TELEMETRY


class ObservedReceipts:
    """Collect what one transaction does with receipts; without a telemetry it does nothing.

    Args:
        tx: The transaction, in which the traces of the messages are looked up.
        context: Has the telemetry, and the channels.
    """

    def __init__(self, tx: Transaction, context: EngineContext) -> None:
        self._tx = tx
        self._context = context
        self._is_active = context.telemetry is not NO_TELEMETRY
        self._operations: list[tuple[Operation, OperationResult]] = []
        self._counts: list[StatusCount] = []

    def add(
        self, workspace: UUID, receipt: StatusReceipt | InteractionReceipt, message: Message
    ) -> None:
        """Remember that a receipt was applied to a message."""
        if not self._is_active:
            return
        channel = self._context.channels.get(message.channel_id)
        # The first event of a message is its admission.
        first = self._tx.timeline.of_message(workspace, message.id, limit=1)
        operation = Operation(
            kind=OperationKind.REPORT,
            workspace=workspace,
            channel=channel.name if channel else None,
            platform=channel.platform if channel else None,
            message_id=message.id,
            provider=receipt.source,
            trace=first[0].trace if first else None,
        )
        self._operations.append((operation, _result(receipt, message)))

    def add_status(self, workspace: UUID, before: Message, after: Message) -> None:
        """Remember that a receipt changed the status of a message."""
        if not self._is_active or after.status is before.status:
            return
        channel = self._context.channels.get(after.channel_id)
        self._counts.append(
            StatusCount(
                workspace=workspace,
                channel=channel.name if channel else None,
                platform=channel.platform if channel else None,
                status=after.status,
                error=after.failure.name if after.failure else None,
            )
        )

    def tell(self, took: timedelta) -> None:
        """Tell everything, and forget it."""
        operations, counts = self._operations, self._counts
        self._operations, self._counts = [], []
        for operation, result in operations:
            with self._context.telemetry.operation(evolve(operation, took=took)) as done:
                done(result)
        for count in counts:
            self._context.telemetry.count(count)


def _result(receipt: StatusReceipt | InteractionReceipt, message: Message) -> OperationResult:
    if isinstance(receipt, InteractionReceipt):
        return OperationResult(outcome=receipt.type, message_id=message.id)
    error = receipt.failure.name if receipt.failure else None
    return OperationResult(outcome=receipt.status or "none", error=error, message_id=message.id)
