"""How deliveries, leases and settlements stand in the rows of the outbox."""

from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson

from messaging_adapters.storage.sql.rows.columns import (
    failure_columns,
    from_micros,
    progress_column,
    to_micros,
)
from messaging_core.models.delivery.delivery import (
    Claim,
    Controls,
    Delivery,
    Lane,
    Lease,
    Settlement,
)
from messaging_core.wire import load
from messaging_core.wire.stored.message import Stored, settled_state

Due = tuple[int, int, int, int | None, bytes]
"""When a message became due, its position, whether it was handed over, its last lease, and whose
it is."""


def claim_of(row: tuple[Any, ...], before: Due, until: datetime) -> Claim:
    """Return a leased message with its delivery, which is due as it was before the lease."""
    _, _, _, _, document, state, *delivery = row
    due_at, _, handed_over, leased_until, _ = before
    lease = lease_of(row, until)
    return Claim(
        workspace=lease.workspace,
        message=Stored(document, state).load(),
        delivery=delivery_of(due_at, *delivery),
        lease=lease,
        lapsed=leased_until is not None,
        doubted=bool(handed_over),
    )


def lease_of(row: tuple[Any, ...], until: datetime) -> Lease:
    """Return the lease of a row that starts with position, fence, workspace and message id."""
    position, fence, workspace, message_id, *_ = row
    return Lease(
        position=position,
        fence=fence,
        until=until,
        workspace=_uuid(workspace),
        message_id=UUID(bytes=message_id),
    )


# Most of what is claimed together is of the same few tenants, and was accepted together.
_uuid = lru_cache(maxsize=4096)(lambda raw: UUID(bytes=raw))
_instant = lru_cache(maxsize=64)(from_micros)
_NO_CONTROLS = Controls()


def delivery_of(  # noqa: PLR0913, PLR0917 - one parameter for each column
    due_at: int,
    lane: int,
    expires_at: int,
    attempts: int,
    controls: str | None,
    progress: str | None,
    crashes: int,
) -> Delivery:
    """Return a delivery from the columns of the outbox."""
    accepted, refused = map(tuple, orjson.loads(progress)) if progress else ((), ())
    return Delivery(
        due_at=_instant(due_at),
        expires_at=_instant(expires_at),
        lane=Lane(lane),
        attempts=attempts,
        controls=load(Controls, orjson.loads(controls)) if controls else _NO_CONTROLS,
        accepted=accepted,
        refused=refused,
        crashes=crashes,
    )


def settled_row(settlement: Settlement) -> tuple[object, ...]:
    """Return what a settlement writes in the row of its message, after the position."""
    return (
        settlement.lease.position,
        settlement.status,
        *failure_columns(settlement.failure),
        settled_state(settlement),
    )


def retry_row(settlement: Settlement, due_at: datetime) -> tuple[object, ...]:
    """Return what a settlement that is tried again writes in the outbox, before the position."""
    return (
        to_micros(due_at),
        0 if settlement.counts else 1,
        int(settlement.crashed),
        progress_column(settlement.accepted, settlement.refused),
        settlement.lease.position,
    )
