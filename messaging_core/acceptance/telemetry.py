"""What accepting tells a `Telemetry`."""

from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Final

from messaging_core.acceptance.submission import AcceptResult
from messaging_core.context import EngineContext
from messaging_core.errors import InvalidRequestError
from messaging_core.models.common.channel import Channel
from messaging_core.models.delivery.delivery import NewMessage
from messaging_core.models.delivery.telemetry import (
    Operation,
    OperationKind,
    OperationResult,
    StatusCount,
)
from messaging_core.models.messages.message import Message
from messaging_core.ports.telemetry import NO_TELEMETRY, NOTHING, Done

REFUSED = "refused"
"""What requests are that break rules, and become no message."""


ACCEPTED: Final = OperationResult(outcome="accepted")
"""How a call ends that accepts several messages."""


def send_operation(
    context: EngineContext, channel: Channel | None, number: int = 1
) -> AbstractContextManager[Done]:
    """Return the context of a call that accepts messages, of which they continue the trace."""
    if context.telemetry is NO_TELEMETRY:  # as nearly everywhere: a call of `send` must stay short
        return NOTHING
    operation = Operation(
        kind=OperationKind.SEND,
        workspace=channel.workspace if channel else None,
        channel=channel.name if channel else None,
        platform=channel.platform if channel else None,
        number=number,
    )
    return context.telemetry.operation(operation)


def accepted(message: Message) -> OperationResult:
    """Return how a call ends that accepts one message."""
    return OperationResult(outcome=message.status, message_id=message.id)


def count_accepted(context: EngineContext, rows: Sequence[NewMessage]) -> None:
    """Tell of messages that were stored, once they are."""
    if context.telemetry is NO_TELEMETRY:
        return
    kinds = Counter(
        (row.workspace, row.message.channel_id, row.message.status, _error_of(row.message))
        for row in rows
    )
    for (workspace, channel_id, status, error), number in kinds.items():
        channel = context.channels.get(channel_id)
        context.telemetry.count(
            StatusCount(
                workspace=workspace,
                channel=channel.name if channel else None,
                platform=channel.platform if channel else None,
                status=status,
                error=error,
                number=number,
            )
        )


def count_refused(
    context: EngineContext, channels: Sequence[Channel], results: Sequence[AcceptResult]
) -> None:
    """Tell of requests that became no message, each for its channel."""
    if context.telemetry is NO_TELEMETRY:
        return
    pairs = zip(channels, results, strict=True)
    refused = Counter(own for own, result in pairs if isinstance(result, InvalidRequestError))
    for channel, number in refused.items():
        context.telemetry.count(
            StatusCount(
                workspace=channel.workspace,
                channel=channel.name,
                platform=channel.platform,
                status=REFUSED,
                number=number,
            )
        )


def _error_of(message: Message) -> str | None:
    return message.failure.name if message.failure else None
