"""What waits to be delivered, in memory."""

import heapq
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from attrs import evolve

from messaging_adapters.storage.memory.tables import Queue, Tables, Waiting, message_of
from messaging_core.decisions.delivery.fairness import divide, place_suspect
from messaging_core.decisions.delivery.settlement import IN_DOUBT, unreadable
from messaging_core.models.delivery.delivery import (
    Claim,
    Delivery,
    Lane,
    Lease,
    Settlement,
    Withdrawal,
)
from messaging_core.models.delivery.health import Backlog
from messaging_core.models.messages.message import Message, Status
from messaging_core.ports.storage.outbox import Outbox
from messaging_core.rules.policy.lifecycle import Cause, transition
from messaging_core.wire.stored.message import Stored, settled_state

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class MemoryOutbox(Outbox):
    """Give out deliveries, inside one transaction."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def claim(
        self,
        *,
        now: datetime,
        lease: timedelta,
        limit: int,
        suspects: bool = True,
        places: Mapping[UUID, int] | None = None,
    ) -> list[Claim]:
        places = dict(places or {})
        suspect = self._suspect(now, places) if suspects and limit > 0 else None
        if suspect is not None:
            limit -= 1
            channel = self._tables.rows[suspect].channel_id
            if channel in places:
                places[channel] -= 1
        lanes = [self._take_lane(lane, now, limit, places) for lane in Lane]
        waiting = [{queue: len(positions) for queue, positions in lane.items()} for lane in lanes]
        chosen: list[int] = []
        for lane, shares in zip(lanes, divide(waiting, limit, now, places), strict=True):
            chosen += self._choose(lane, shares)
        if suspect is not None:
            crashes = self._tables.outbox[suspect].delivery.crashes
            chosen = place_suspect(chosen, suspect, crashes)
        leased = [self._lease(position, now, now + lease) for position in chosen]
        return [claim for claim in leased if claim]

    def _suspect(self, now: datetime, places: Mapping[UUID, int]) -> int | None:
        """Return what crashed before and is due longest, of the channels that have a place."""
        outbox, rows = self._tables.outbox, self._tables.rows
        waiting = [
            position
            for position in self._tables.suspects
            if position in outbox and places.get(rows[position].channel_id, 1) > 0
        ]
        deliveries = [(outbox[position].delivery, position) for position in waiting]
        due = [
            (delivery.due_at, place)
            for delivery, place in deliveries
            if delivery.crashes and delivery.due_at <= now
        ]
        return min(due)[1] if due else None

    def _choose(self, lane: Mapping[Queue, list[int]], shares: Mapping[Queue, int]) -> list[int]:
        """Take the share of each queue, and put back what gets none."""
        chosen: list[int] = []
        for queue, positions in lane.items():
            count = shares.get(queue, 0)
            chosen += positions[:count]
            for position in positions[count:]:
                self._tables.queue(position)
        return sorted(
            chosen, key=lambda position: (self._tables.outbox[position].delivery.due_at, position)
        )

    def _take_lane(
        self, lane: Lane, now: datetime, limit: int, places: Mapping[UUID, int]
    ) -> dict[Queue, list[int]]:
        """Take what is due out of a lane: up to a limit of each queue that has something."""
        heaps = {queue: heap for (of, queue), heap in self._tables.due.items() if of is lane}
        taken = {
            queue: self._take_due(heap, now, min(limit, places.get(queue[1], limit)))
            for queue, heap in heaps.items()
        }
        return {queue: positions for queue, positions in taken.items() if positions}

    def _take_due(self, heap: list[tuple[datetime, int]], now: datetime, limit: int) -> list[int]:
        taken: list[int] = []
        while heap and heap[0][0] <= now and len(taken) < limit:
            due_at, position = heapq.heappop(heap)
            waiting = self._tables.outbox.get(position)
            is_true = waiting and waiting.delivery.due_at == due_at and position not in taken
            if waiting and is_true and not waiting.delivery.crashes:
                taken.append(position)
        return taken

    def _lease(self, position: int, now: datetime, until: datetime) -> Claim | None:
        """Lease a message; one that cannot be read is put aside, and stops no other."""
        waiting = self._tables.outbox[position]
        delivery = evolve(
            waiting.delivery,
            attempts=waiting.delivery.attempts + 1,
            crashes=waiting.delivery.crashes + (waiting.leased_until is not None),
        )
        leased = Waiting(
            delivery=evolve(delivery, due_at=until), fence=waiting.fence + 1, leased_until=until
        )
        self._tables.wait(position, leased)
        row = self._tables.rows[position]
        place = Lease(
            position=position,
            fence=leased.fence,
            until=until,
            workspace=row.workspace,
            message_id=row.id,
        )
        stored = message_of(row)
        if stored is None:
            self._settle(unreadable(place, now))
            return None
        message = _claimed(stored, now)
        before = message.details
        if waiting.handed_over:
            message = evolve(message, details=IN_DOUBT)
        self._tables.replace(position, message)
        return Claim(
            workspace=row.workspace,
            message=message,
            delivery=delivery,
            lease=place,
            lapsed=waiting.leased_until is not None,
            doubted=waiting.handed_over,
            doubted_before=waiting.handed_over and before == IN_DOUBT,
        )

    def hand_over(self, leases: Sequence[Lease], *, now: datetime) -> list[Withdrawal | None]:
        return [self._hand_over(lease, now) for lease in leases]

    def _hand_over(self, lease: Lease, now: datetime) -> Withdrawal | None:
        waiting = self._tables.outbox.get(lease.position)
        if waiting is None:
            row = self._tables.rows.get(lease.position)
            gone = row is not None and row.status is Status.DELETED
            return Withdrawal.CANCELLED if gone else Withdrawal.SUPERSEDED
        if waiting.fence != lease.fence:
            return Withdrawal.SUPERSEDED
        if waiting.delivery.expires_at <= now:
            return Withdrawal.EXPIRED
        if waiting.handed_over or waiting.leased_until is None or waiting.leased_until <= now:
            return Withdrawal.SUPERSEDED
        self._tables.put(self._tables.outbox, lease.position, evolve(waiting, handed_over=True))
        return None

    def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        return [self._settle(settlement) for settlement in settlements]

    def _settle(self, settlement: Settlement) -> bool:
        tables, position = self._tables, settlement.lease.position
        waiting = tables.outbox.get(position)
        if not waiting or waiting.fence != settlement.lease.fence or waiting.leased_until is None:
            return False
        row = tables.rows[position]
        stored = Stored(row.stored.document, settled_state(settlement))
        changed = evolve(row, status=settlement.status, failure=settlement.failure, stored=stored)
        tables.put(tables.rows, position, changed)
        tables.refer(row.workspace, position, settlement.references)
        if settlement.next_due_at is None:
            tables.remove(tables.outbox, position)
        else:
            delivery = evolve(
                waiting.delivery,
                due_at=settlement.next_due_at,
                attempts=waiting.delivery.attempts - (not settlement.counts),
                accepted=settlement.accepted,
                refused=settlement.refused,
                crashes=waiting.delivery.crashes + settlement.crashed,
            )
            tables.wait(
                position, evolve(waiting, delivery=delivery, leased_until=None, handed_over=False)
            )
        return True

    def delivery(self, workspace: UUID, message_id: UUID) -> Delivery | None:
        position = self._tables.positions.get(message_id)
        waiting = self._tables.outbox.get(position) if position else None
        if not position or not waiting or self._tables.rows[position].workspace != workspace:
            return None
        return evolve(waiting.delivery, handed_over=waiting.handed_over)

    def reschedule(
        self, workspace: UUID, message: Message, *, due_at: datetime, expires_at: datetime
    ) -> bool:
        position = self._waiting(workspace, message.id, message.updated_at)
        if position is None:
            return False
        waiting = self._tables.outbox[position]
        delivery = evolve(waiting.delivery, due_at=due_at, expires_at=expires_at)
        self._tables.wait(position, Waiting(delivery=delivery, fence=waiting.fence + 1))
        self._tables.replace(position, message)
        return True

    def _waiting(self, workspace: UUID, message_id: UUID, now: datetime) -> int | None:
        position = self._tables.positions.get(message_id)
        if not position or self.delivery(workspace, message_id) is None:
            return None
        waiting = self._tables.outbox[position]
        is_leased = waiting.leased_until is not None and waiting.leased_until > now
        return None if is_leased or waiting.handed_over else position

    def finish(self, workspace: UUID, message_id: UUID) -> bool:
        position = self._tables.positions.get(message_id)
        if not position or self.delivery(workspace, message_id) is None:
            return False
        if self._tables.outbox[position].handed_over:
            return False
        self._tables.remove(self._tables.outbox, position)
        return True

    def restart_pauses(self, *, now: datetime, accepted_after: datetime | None = None) -> int:
        tables, count = self._tables, 0
        for position, waiting in list(tables.outbox.items()):
            row, due_at = tables.rows[position], waiting.delivery.due_at
            if waiting.leased_until is not None or due_at <= now or row.status is Status.SCHEDULED:
                continue
            message = message_of(row)
            if message is None:
                continue
            if message.updated_at <= now or message.created_at <= (accepted_after or _LONG_AGO):
                continue
            due_at -= message.updated_at - now
            tables.wait(position, evolve(waiting, delivery=evolve(waiting.delivery, due_at=due_at)))
            tables.replace(position, evolve(message, updated_at=now))
            count += 1
        return count

    def first_due(self) -> dict[tuple[UUID, UUID], datetime]:
        first: dict[tuple[UUID, UUID], datetime] = {}
        for position, waiting in self._tables.outbox.items():
            row, due_at = self._tables.rows[position], waiting.delivery.due_at
            queue = (row.workspace, row.channel_id)
            first[queue] = min(due_at, first.get(queue, due_at))
        return first

    def backlog(self, *, now: datetime, most: int) -> list[Backlog]:
        due: dict[tuple[UUID, UUID, Lane], list[datetime]] = {}
        for position, waiting in self._tables.outbox.items():
            row, delivery = self._tables.rows[position], waiting.delivery
            if delivery.due_at <= now:
                queue = (row.workspace, row.channel_id, delivery.lane)
                due.setdefault(queue, []).append(delivery.due_at)
        return [
            Backlog(
                workspace=workspace,
                channel_id=channel_id,
                lane=lane,
                number=min(len(times), most),
                oldest_due_at=min(times),
            )
            for (workspace, channel_id, lane), times in sorted(due.items())
        ]

    def next_due(self) -> datetime | None:
        due = (waiting.delivery.due_at for waiting in self._tables.outbox.values())
        return min(due, default=None)


def _claimed(message: Message, now: datetime) -> Message:
    """Show that a worker took a message up; what the last attempt came to goes on being shown."""
    return transition(
        message,
        Status.PROCESSING,
        now,
        cause=Cause.CLAIMED,
        reason=message.reason,
        details=message.details,
        failure=message.failure,
    )
