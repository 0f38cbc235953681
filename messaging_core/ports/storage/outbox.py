"""The store of messages that wait: claims, leases, marks, settlements."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from messaging_core.models.delivery.delivery import (
    Claim,
    Delivery,
    Lease,
    Settlement,
    Withdrawal,
)
from messaging_core.models.delivery.health import Backlog
from messaging_core.models.messages.message import Message


class Outbox(Protocol):
    """Give out what is to be delivered, to one worker at a time."""

    @abstractmethod
    def claim(
        self,
        *,
        now: datetime,
        lease: timedelta,
        limit: int,
        suspects: bool = True,
        places: Mapping[UUID, int] | None = None,
    ) -> list[Claim]:
        """Lease up to `limit` messages of all workspaces that are due, most urgent first.

        A claimed message has status `processing`, counts one more attempt and is given to no other
        caller before `now + lease`, whatever `now` that caller passes; when the lease ends
        unsettled it is due again by itself, and its fence grows with every claim. Messages past
        their expiry are given out too: only the caller decides what becomes of them.

        No channel gets more messages than it has `places`, so that a slow provider takes none of
        the others'. `divide` in `decisions.delivery.fairness` chooses among more than `limit`
        messages that are due and have a place:

        1. `lane_quotas` divides the limit between the lanes. Less urgent lanes get a share of every
           claim of four or more, so that none starves.
        2. `tenant_quotas` divides the places of a lane between the workspaces that have something
           due in it, in the order of their ids as bytes, so that one tenant's million does not
           hold up another's ten. The odd places start at number `rotation(now, workspaces)`,
           counted among those workspaces: over claims at different instants each has its turn.
        3. `tenant_quotas` divides the places of a workspace between its channels in the same way.
        4. Of a channel, what is due longest goes, and of that what was added first.

        The claims come lane by lane, those of a lane longest due first and then in the order
        added, whosesoever they are. What a claim costs grows with the limit and with the channels
        for which something waits, and not with how many messages wait, whether they have a place
        or not.

        A claim of a message whose lease has ended unsettled counts a crash. Messages that have
        crashed before are suspects: a claim holds at most one, the one due longest of those whose
        channel has a place, which it takes, where
        `place_suspect` in `decisions.delivery.fairness` puts it. One that cannot be read any more
        is never given out and stops no other: it ends as `sending_failed`, its reason `poisoned`.

        Args:
            now: The present.
            lease: How long no other caller gets them.
            limit: How many at most, a suspect among them.
            suspects: False when the caller still works on a suspect: then there is none.
            places: How many messages of each channel the caller has room for, by the channel's id;
                a channel that is not named has as many as the limit.
        """

    @abstractmethod
    def restart_pauses(self, *, now: datetime, accepted_after: datetime | None = None) -> int:
        """Shorten the waits that were measured by a clock which is now set back.

        That is of every message that waits, is not leased, is not `scheduled`, and was last
        changed (`Message.updated_at`) after `now`. It waits as long after `now` as it had to wait
        after that change, and is changed now. So what was due at once is due at once, and doing it
        again changes nothing. A message that is `scheduled` waits for the time it was given.

        Args:
            now: The present, by the clock that was set back.
            accepted_after: Only messages with a later `created_at`; the cost grows with how many
                those are, instead of with all that wait.

        Returns:
            How many messages were changed.
        """

    @abstractmethod
    def hand_over(self, leases: Sequence[Lease], *, now: datetime) -> list[Withdrawal | None]:
        """Mark leased messages as passing the point of no return; all marks share one commit.

        The mark is made for a lease whose fence is the latest, that has not ended at `now` and was
        not marked before, on a message that has not expired. Nothing is returned for it; from then
        on the message cannot be cancelled, and when its lease ends unsettled the next claim finds
        it in doubt: its `details` are `in_doubt`. For every other lease the reason comes back why
        its message may not go, and nothing has changed.
        """

    @abstractmethod
    def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        """Record what became of claimed messages; false where the lease was no longer valid.

        A settlement under a stale fence changes nothing, and spoils no other beside it; one under a
        lease that has ended still counts, unless another caller claimed the message since. A lease
        is settled once: of two settlements only the first counts. The message shows what the
        settlement says, and what it leaves out is gone; filters find it as it is from then on. With
        `next_due_at` it waits on, with a status that waits, and keeps `accepted` and `refused` for
        the next claim, and counts a crash when it
        says so; without, it is finished and never given out again.
        """

    @abstractmethod
    def delivery(self, workspace: UUID, message_id: UUID) -> Delivery | None:
        """Return how far the delivery of a message has come, or nothing once it is finished.

        While a message is leased, it is due when its lease ends, and it says whether it was handed
        over under that lease.
        """

    @abstractmethod
    def reschedule(
        self, workspace: UUID, message: Message, *, due_at: datetime, expires_at: datetime
    ) -> bool:
        """Move a message that waits to another time, and keep it as it is given.

        Only its status, the reasons for it and its times may differ from what was added.
        Attempts, progress and lane stay, and a lease that has ended can no longer be settled.
        Returns false for a message that is leased at `message.updated_at`, finished, or not in
        this workspace; then nothing has changed.
        """

    @abstractmethod
    def finish(self, workspace: UUID, message_id: UUID) -> bool:
        """End the delivery of a message that need not be sent any more; nothing else changes.

        The caller gives the message another status with `Messages.update`: of one that was
        `deleted` meanwhile, `hand_over` says that it was cancelled.

        Returns false where none is under way, and for a message that was handed over under a lease
        not settled since: its worker, or the next claim, will say what became of it. Any other
        lease on it is worth nothing from then on: it can neither be handed over nor settled.
        """

    @abstractmethod
    def first_due(self) -> Mapping[tuple[UUID, UUID], datetime]:
        """Return when the first message of each workspace and channel is due.

        Queues in which none waits are left out; a leased message is due when its lease ends. The
        cost grows with the queues, not with how many messages wait.
        """

    @abstractmethod
    def backlog(self, *, now: datetime, most: int) -> list[Backlog]:
        """Return what is due and not leased, by workspace, channel and lane.

        At most `most` messages are counted of each. Where nothing is due there is no entry. The
        order is that of workspace, channel and lane. The cost grows with the queues and with
        `most`.
        """

    @abstractmethod
    def next_due(self) -> datetime | None:
        """Return when the next message is due, or nothing when none waits.

        That may be in the past, and for leased messages is when their lease ends.
        """
