"""What delivering tells a `Telemetry`."""

from contextlib import AbstractContextManager

from messaging_core.context import EngineContext
from messaging_core.delivery.watchdog import TransportCall
from messaging_core.models.delivery.delivery import Claim, OutcomeKind, Settlement
from messaging_core.models.delivery.telemetry import (
    Operation,
    OperationKind,
    OperationResult,
    StatusCount,
)
from messaging_core.ports.telemetry import NO_TELEMETRY, NOTHING, Done

TIMED_OUT = OperationResult(outcome="timed_out", error="timeout")
"""How an attempt ends that the worker had given up."""


def deliver_operation(context: EngineContext, call: TransportCall) -> AbstractContextManager[Done]:
    """Return the context of an attempt, which continues the trace of its message."""
    if context.telemetry is NO_TELEMETRY:
        return NOTHING
    claim = call.claim
    operation = Operation(
        kind=OperationKind.DELIVER,
        workspace=claim.workspace,
        channel=call.channel.name,
        platform=call.channel.platform,
        message_id=claim.message.id,
        attempt=claim.delivery.attempts,
        provider=call.transport,
        trace=claim.delivery.controls.trace,
    )
    return context.telemetry.operation(operation)


def result_of(settlement: Settlement | None) -> OperationResult:
    """Return how an attempt ended; without a settlement it had timed out before."""
    if settlement is None:
        return TIMED_OUT
    message_id, outcome = settlement.lease.message_id, settlement.outcome
    if outcome is OutcomeKind.ACCEPTED:
        return OperationResult(outcome=outcome, message_id=message_id)
    error = settlement.failure.name if settlement.failure else None
    return OperationResult(outcome=outcome or "not_begun", error=error, message_id=message_id)


def count_of(context: EngineContext, claim: Claim, settlement: Settlement) -> StatusCount | None:
    """Return what is to be counted of a message whose delivery is over."""
    if context.telemetry is NO_TELEMETRY or settlement.next_due_at is not None:
        return None
    channel = context.channels.get(claim.message.channel_id)
    return StatusCount(
        workspace=claim.workspace,
        channel=channel.name if channel else None,
        platform=channel.platform if channel else None,
        status=settlement.status,
        error=settlement.failure.name if settlement.failure else None,
    )
