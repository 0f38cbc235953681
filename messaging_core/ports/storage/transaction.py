"""What keeps messages: one transaction at a time, and a few domain verbs inside it."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from messaging_core.models.common.page import Page
from messaging_core.models.content.short_link import ShortLink
from messaging_core.models.content.template_project import TemplateProject
from messaging_core.models.delivery.delivery import (
    Claim,
    Delivery,
    IdempotencyKey,
    Lease,
    NewMessage,
    Settlement,
    Withdrawal,
)
from messaging_core.models.delivery.event import Cursor, Event
from messaging_core.models.delivery.evidence import Evidence
from messaging_core.models.delivery.interaction import Interaction
from messaging_core.models.delivery.receipt import KeptReceipt, ReceiptState
from messaging_core.models.messages.message import Message
from messaging_core.models.messages.query import MessageQuery
from messaging_core.ports.storage.directory import ContactLists, Contacts, Suppressions


class Messages(Protocol):
    """Keep messages and find them again."""

    @abstractmethod
    def add(self, messages: Sequence[NewMessage]) -> None:
        """Keep new messages in the order given, which is the order of listings.

        The order is that of commits and of this call, whatever `created_at` and the ids say. A
        message with a `delivery` can be claimed once the transaction is committed; it has one
        exactly when its status is one that waits. All message ids are new. An idempotency key
        stands for the last message it was added with, from when that was created. Everything is
        kept as it is given, `Failure.retry` too.
        """

    @abstractmethod
    def get(self, workspace: UUID, message_id: UUID) -> Message | None:
        """Return a message of this workspace, or nothing."""

    @abstractmethod
    def find(self, query: MessageQuery) -> Page[Message]:
        """Return one page of a listing.

        The cost of a page is bounded whatever the filters and however many messages there are:
        a page may be short, or empty, and still have a next one. A walk along
        `next_page_token` shows every message once that was there when it began and still
        matches, also while others arrive and while statuses change. No filter looks into another
        workspace, and a value that no message can have finds nothing.

        Args:
            query: A listing that the rules allow: the limit is 1 to 1000, and so are the values
                of each filter. Tags and email addresses are compared without regard to case, and
                words of a subject without regard to case and accents. A word in which punctuation
                joins several stands for them next to one another; a search without a word finds
                nothing.

        Raises:
            InvalidQueryError: The page token is not one of this listing.
        """

    @abstractmethod
    def by_keys(
        self, workspace: UUID, keys: Sequence[str], *, since: datetime
    ) -> Mapping[str, tuple[UUID, IdempotencyKey]]:
        """Return the message and the stored key for each idempotency key that is in use.

        A key is in use when its message was created after `since`, or when it is lasting. Keys
        belong to their workspace; those of this transaction are found too.
        """

    @abstractmethod
    def forget_keys(self, *, until: datetime, limit: int) -> int:
        """Drop idempotency keys of all workspaces, and return how many; their messages stay.

        Those go whose message was created at `until` or before, the oldest first, and at most
        `limit` of them: it is a little work at a time, done along with other writing. Lasting
        keys stay.
        """

    @abstractmethod
    def by_references(
        self, workspace: UUID, references: Sequence[str]
    ) -> Mapping[str, Sequence[tuple[UUID, UUID]]]:
        """Return message id and channel id for each platform reference, the newest message first.

        A message is found by all parts it was added or ever settled with; `note_references` adds
        others. References that nobody has are left out.
        """

    @abstractmethod
    def note_references(self, workspace: UUID, message_id: UUID, references: Sequence[str]) -> None:
        """Let a message be found by platform references that are not among its parts."""

    @abstractmethod
    def update(self, workspace: UUID, message: Message) -> None:
        """Keep what changes of a message, if there is one with its id in this workspace.

        That is its status, parts, failure, reason, details and the times of its last changes; all
        else stays as it was, whatever is given.
        """


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

        A claimed message has status `processing`, counts one more attempt and is given to nobody
        else before `now + lease`, whatever `now` they say; when the lease ends unsettled it is due
        again by itself, and its fence grows with every claim. Messages past their expiry are given
        out too: only the caller decides what becomes of them.

        No channel gets more messages than it has `places`, so that a slow provider takes none of
        the others'. `decisions.sharing.divide` chooses among more than `limit` messages that are
        due and have a place:

        1. `share` divides the limit between the lanes. Less urgent lanes get a share of every
           claim of four or more, so that none starves.
        2. `fair` divides the places of a lane between the workspaces that have something due in
           it, in the order of their ids as bytes, so that one tenant's million does not hold up
           another's ten. The odd places go round from number `turn(now, workspaces)`, counted
           among those workspaces: over claims at different instants each has its turn.
        3. `fair` divides the places of a workspace between its channels in the same way.
        4. Of a channel, what is due longest goes, and of that what was added first.

        The claims come lane by lane, those of a lane longest due first and then in the order
        added, whosesoever they are. What a claim costs grows with the limit and with the channels
        for which something waits, and not with how many messages wait, whether they have a place
        or not.

        A claim of a message whose lease has ended unsettled counts a crash. Messages that have
        crashed before are suspects: a claim holds at most one, the one due longest of those whose
        channel has a place, which it takes, where
        `decisions.sharing.with_suspect` puts it. One that cannot be read any more is never given
        out and stops no other: it ends as `sending_failed`, its reason `poisoned`.

        Args:
            now: The present.
            lease: How long nobody else gets them.
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
        lease that has ended, but that nobody else claimed since, still counts. A lease is settled
        once: of two settlements only the first counts. The message shows what the settlement
        says, and what it leaves out is gone; filters find it as it is from then on. With
        `next_due_at` it waits on, with a status that waits, and keeps `accepted` and `refused` for
        the next claim, and counts a crash when it
        says so; without, it is finished and never given out again.
        """

    @abstractmethod
    def cancel(self, workspace: UUID, message_id: UUID, *, now: datetime) -> bool:
        """Withdraw a message that waits; its status becomes `deleted`.

        It may be between two attempts, or leased and not handed over yet: then handing it over
        fails. Returns false for a message that was handed over under a lease not settled since,
        that is finished, or not in this workspace: it is or was sent.
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

        Returns false where none is under way, and for a message that was handed over under a lease
        not settled since: its worker, or the next claim, will say what became of it. Any other
        lease on it is worth nothing from then on: it can neither be handed over nor settled.
        """

    @abstractmethod
    def next_due(self) -> datetime | None:
        """Return when the next message is due, or nothing when none waits.

        That may be in the past, and for leased messages is when their lease ends.
        """


class Receipts(Protocol):
    """Keep what providers report, and what it proves."""

    @abstractmethod
    def keep(self, receipts: Sequence[KeptReceipt]) -> list[int | None]:
        """Keep receipts, and return the position of each; nothing for one that was kept before.

        The same key of the same source is the same receipt, within a workspace. Positions given in
        are ignored.
        """

    @abstractmethod
    def pending(self, *, limit: int, after: int = 0) -> list[KeptReceipt]:
        """Return receipts of all workspaces that nobody has looked at yet, the oldest first.

        Only those beyond a position, so that those which cannot be applied hold up no other. One
        whose document cannot be read comes without its `receipt`.
        """

    @abstractmethod
    def waits(self, position: int) -> bool:
        """Tell whether a receipt is there that may yet be applied, matched or not."""

    @abstractmethod
    def waiting_for(self, workspace: UUID, references: Sequence[str]) -> list[KeptReceipt]:
        """Return receipts without a message that wait for one of these references, oldest first.

        A receipt waits for the reference it names, unless it was marked as waiting for another. One
        whose document cannot be read comes without its `receipt`.
        """

    @abstractmethod
    def mark(
        self, positions: Sequence[int], state: ReceiptState, *, waits_for: str | None = None
    ) -> None:
        """Record how far receipts have come, and what they wait for from now on, where given."""

    @abstractmethod
    def evidence(self, workspace: UUID, message_ids: Sequence[UUID]) -> Mapping[UUID, Evidence]:
        """Return what is known about messages; those of which nothing is known are left out."""

    @abstractmethod
    def save_evidence(self, workspace: UUID, message_id: UUID, evidence: Evidence) -> None:
        """Keep what is known about a message, in place of what was."""

    @abstractmethod
    def add_interaction(self, workspace: UUID, interaction: Interaction) -> None:
        """Keep what a person did with a message."""

    @abstractmethod
    def interactions(self, workspace: UUID, message_id: UUID) -> list[Interaction]:
        """Return everything that people did with a message, in the order in which it was kept."""


class Timeline(Protocol):
    """Keep what happened, in the order in which it was committed."""

    @abstractmethod
    def append(self, events: Sequence[Event]) -> None:
        """Add events to the log; positions given in are ignored.

        They get positions that grow with every commit: who has seen one has seen all before it.
        """

    @abstractmethod
    def of(self, workspace: UUID, message_id: UUID) -> list[Event]:
        """Return everything that happened to one message, in order."""

    @abstractmethod
    def after(self, position: int, *, limit: int) -> list[Event]:
        """Return the first events of all workspaces beyond a position, in order."""

    @abstractmethod
    def subscribe(self, name: str, *, from_start: bool) -> None:
        """Begin a subscription; one that exists already is left as it is.

        It begins with the oldest event that is kept, or with the next one to come.
        """

    @abstractmethod
    def is_behind(self, name: str) -> bool:
        """Tell whether a subscription has events before it; at no cost, and nothing is written."""

    @abstractmethod
    def take(
        self, name: str, *, now: datetime, lease: timedelta, longest: timedelta | None = None
    ) -> Cursor | None:
        """Lease a subscription; nothing while somebody else has it, or it waits to try again.

        Args:
            name: Which.
            now: The present.
            lease: For how long.
            longest: No lease and no pause is longer. One that ends later than that after `now` was
                written before the clock was set back, and counts no more.
        """

    @abstractmethod
    def move(self, cursor: Cursor, *, resume_at: datetime | None = None) -> bool:
        """Give a leased subscription back, moved to the cursor's position and failures.

        Nobody can take it before `resume_at`. False where the fence is not the latest; then
        nothing has changed.
        """

    @abstractmethod
    def count(self, amounts: Mapping[str, int]) -> None:
        """Add to counters that never go back, each under its own name."""

    @abstractmethod
    def counts(self) -> Mapping[str, int]:
        """Return all counters; one that never counted anything is left out."""


class SendHistory(Protocol):
    """Remember when contacts were written to, for as long as a frequency cap counts it."""

    @abstractmethod
    def note(  # noqa: PLR0913 - by keyword beyond the second
        self,
        workspace: UUID,
        contact_id: str,
        *,
        platform: str,
        message_id: UUID,
        at: datetime,
        forget_before: datetime,
    ) -> None:
        """Remember that a message goes to a contact, in place of what was noted of both.

        What was noted of this contact and platform for times before `forget_before` is forgotten.
        """

    @abstractmethod
    def since(
        self, workspace: UUID, contact_id: str, *, platform: str, since: datetime
    ) -> list[tuple[datetime, UUID]]:
        """Return when, and by which messages, a contact was written to; earlier ones left out.

        They come in the order of their times, and those of one time by the ids of the messages.
        """

    @abstractmethod
    def move(self, workspace: UUID, message_id: UUID, at: datetime) -> None:
        """Count a message at another time, for all contacts for whom it was noted."""

    @abstractmethod
    def forget(self, workspace: UUID, message_id: UUID) -> None:
        """Count a message no more: it never went."""


class Retention(Protocol):
    """Take out what is old enough, as much at a time as the caller says.

    Whatever is taken out leaves no gap that anybody notices: positions go on growing and none is
    given out twice, cursors of subscriptions and page tokens stay good. Contacts stay as they are,
    and so do idempotency keys: a key goes on standing for its message, which `Messages.get` does
    not find any more once it was erased.
    """

    @abstractmethod
    def old(
        self,
        *,
        before: datetime,
        limit: int,
        workspace: UUID | None = None,
        with_redacted: bool = False,
    ) -> list[tuple[UUID, UUID]]:
        """Return workspace and id of up to `limit` messages that may be taken out.

        They were accepted before an instant, are not still to be sent by their status, and no
        delivery of them is under way. Those that were redacted already are among them only
        `with_redacted`.
        They come in any order; whoever takes them out and asks again comes to an end. The cost
        grows with the limit and the number of workspaces, and not with how many messages are
        kept, waiting or redacted.

        Args:
            before: Aware instant, compared with `Message.created_at`.
            limit: How many at most.
            workspace: Only its messages; those of all workspaces by default.
            with_redacted: Whether redacted messages are wanted too.
        """

    @abstractmethod
    def erase(self, messages: Sequence[tuple[UUID, UUID]]) -> int:
        """Delete messages and everything that hangs on them, and return how many there were.

        Their events, evidence, interactions, short links and references go with them, and no
        filter finds them. One whose delivery is under way is left alone, and so is one that the
        workspace named with it does not have.
        """

    @abstractmethod
    def redact(self, messages: Sequence[tuple[UUID, UUID]]) -> list[tuple[UUID, Message]]:
        """Take content and addresses out of messages, and return what is left, by workspace.

        What is left is `decisions.redaction.redacted`, of events `redacted_event` and of
        interactions `redacted_interaction`; evidence and short links go altogether. The message
        is still listed and found by what it still shows, by its batch and by its platform
        references, and by nothing else. One that was redacted before, whose delivery is under
        way, or that the workspace does not have, is left as it is, and left out.
        """

    @abstractmethod
    def erase_receipts(
        self,
        *,
        before: datetime,
        unmatched_before: datetime,
        limit: int,
        workspace: UUID | None = None,
    ) -> int:
        """Delete up to `limit` receipts from the inbox, and return how many there were.

        Applied ones go when they were received before an instant, unmatched and unreadable ones by
        an instant of their own; those that nobody has looked at yet stay. A receipt that is gone is
        a new one when it is kept again. The cost is bounded as for `old`.
        """


class Templates(Protocol):
    """Keep template projects, each as one document with all its versions."""

    @abstractmethod
    def save(self, workspace: UUID, project: TemplateProject) -> None:
        """Keep a project, in place of the one with its id.

        No other project of the workspace has its name.
        """

    @abstractmethod
    def get(self, workspace: UUID, project_id: str) -> TemplateProject | None:
        """Return a project of this workspace, or nothing."""

    @abstractmethod
    def by_name(self, workspace: UUID, name: str) -> TemplateProject | None:
        """Return the project of this workspace that has a name, or nothing."""

    @abstractmethod
    def find(self, workspace: UUID, *, after: str, limit: int) -> list[TemplateProject]:
        """Return the first projects whose ids come after another one, in the order of their ids.

        Ids are compared by code points; nothing comes before the empty one.
        """

    @abstractmethod
    def delete(self, workspace: UUID, project_id: str) -> bool:
        """Take a project out; false where there is none."""


class ShortLinks(Protocol):
    """Keep where short links lead."""

    @abstractmethod
    def add(self, links: Sequence[ShortLink]) -> None:
        """Keep new links; all codes are new, in all workspaces."""

    @abstractmethod
    def get(self, code: str) -> ShortLink | None:
        """Return the link with a code, whosesoever it is, or nothing."""

    @abstractmethod
    def of_message(self, workspace: UUID, message_id: UUID) -> list[ShortLink]:
        """Return the links of a message, in the order in which they were added."""


class Transaction(Protocol):
    """Everything one transaction can do; usable until its `with` block ends."""

    messages: Messages
    outbox: Outbox
    contacts: Contacts
    lists: ContactLists
    suppressions: Suppressions
    receipts: Receipts
    timeline: Timeline
    sendings: SendHistory
    retention: Retention
    templates: Templates
    short_links: ShortLinks


class Storage(Protocol):
    """Keep everything durably; one object serves many threads at once."""

    @abstractmethod
    def begin(
        self, connection: Any = None, *, read_only: bool = False
    ) -> AbstractContextManager[Transaction]:
        """Open a transaction, for a `with` statement.

        It commits when the block ends and rolls back when the block raises, whatever it raises:
        then nothing of it is left, and it can be done again. When the block has ended without an
        error, everything in it is durable: it survives a killed process and a power cut. Others
        see all of it or nothing, and the block sees what it wrote. Transactions that write exclude
        one another. Pages that were found can be read after the block.

        Args:
            connection: The host's own connection, inside the host's own transaction; then the
                storage neither commits nor rolls back. A block that raises still leaves nothing
                of itself in the host's transaction.
            read_only: Promise to write nothing, so that nobody has to wait.

        Raises:
            StorageBusyError: Somebody else held the storage for too long; nothing was written.
            StorageError: The storage failed; nothing was written.
        """
