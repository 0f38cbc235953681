"""The steps that tests of a storage are made of, each in a transaction of its own."""
# ruff: noqa: S101 - assert is how pytest asserts

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from uuid import UUID

from messaging_core.models.common.page import Page
from messaging_core.models.delivery.delivery import (
    Claim,
    Delivery,
    NewMessage,
    Settlement,
    Withdrawal,
)
from messaging_core.models.messages.message import Message, Status
from messaging_core.models.messages.query import MessageQuery
from messaging_core.ports.storage.transaction import Storage, Transaction
from messaging_core.rules.policy.lifecycle import Cause, transition
from messaging_core.testing.clock import MONDAY_MORNING

AT: Final = MONDAY_MORNING
LEASE: Final = timedelta(minutes=15)
MILLISECOND: Final = timedelta(milliseconds=1)
MICROSECOND: Final = timedelta(microseconds=1)

MOST_PAGES = 10_000
"""A walk that has not ended by then never will."""

E = TypeVar("E", bound=BaseException)


def add(storage: Storage, *new: NewMessage) -> None:
    """Keep messages."""
    with storage.begin() as tx:
        tx.messages.add(new)


def get(storage: Storage, new: NewMessage) -> Message | None:
    """Return a message as it is now."""
    with storage.begin(read_only=True) as tx:
        return tx.messages.get(new.workspace, new.message.id)


def delivery(storage: Storage, new: NewMessage) -> Delivery | None:
    """Return how far a message has come."""
    with storage.begin(read_only=True) as tx:
        return tx.outbox.delivery(new.workspace, new.message.id)


def page(storage: Storage, **query: Any) -> Page[Message]:
    """Return one page of a listing."""
    with storage.begin(read_only=True) as tx:
        return tx.messages.find(MessageQuery(**query))


def walk(storage: Storage, **query: Any) -> list[UUID]:
    """Return the ids of all messages of a listing, page after page."""
    message_ids: list[UUID] = []
    for _ in range(MOST_PAGES):
        part = page(storage, **query)
        assert len(part.results) <= query.get("limit", MessageQuery().limit)
        message_ids += ids(part.results)
        if part.next_page_token is None:
            return message_ids
        query["page_token"] = part.next_page_token
    raise AssertionError("the walk does not end")


def ids(messages: Iterable[Message | NewMessage | Claim]) -> list[UUID]:
    """Return the ids of messages, wherever they stand."""
    return [
        message.id if isinstance(message, Message) else message.message.id for message in messages
    ]


def claim(  # noqa: PLR0913 - by keyword, as in the port
    storage: Storage,
    *,
    now: datetime = AT,
    lease: timedelta = LEASE,
    limit: int = 100,
    suspects: bool = True,
    places: Mapping[UUID, int] | None = None,
) -> list[Claim]:
    """Lease what is due."""
    with storage.begin() as tx:
        return tx.outbox.claim(now=now, lease=lease, limit=limit, suspects=suspects, places=places)


def restart_pauses(
    storage: Storage, *, now: datetime, accepted_after: datetime | None = None
) -> int:
    """Let what waits go by a clock that was set back."""
    with storage.begin() as tx:
        return tx.outbox.restart_pauses(now=now, accepted_after=accepted_after)


def hand_over(storage: Storage, *claims: Claim, now: datetime = AT) -> list[Withdrawal | None]:
    """Mark claimed messages as passing the point of no return."""
    with storage.begin() as tx:
        return tx.outbox.hand_over([claim.lease for claim in claims], now=now)


def settle(storage: Storage, *settlements: Settlement) -> list[bool]:
    """Record what became of claimed messages."""
    with storage.begin() as tx:
        return tx.outbox.settle(settlements)


def cancel(storage: Storage, new: NewMessage, *, now: datetime = AT) -> bool:
    """Withdraw a message."""
    with storage.begin() as tx:
        return withdraw(tx, new, now=now)


def withdraw(tx: Transaction, new: NewMessage, *, now: datetime = AT) -> bool:
    """End the delivery of a message, and show it as deleted."""
    if not tx.outbox.finish(new.workspace, new.message.id):
        return False
    message = tx.messages.get(new.workspace, new.message.id)
    if message is not None:
        deleted = transition(message, Status.DELETED, now, cause=Cause.CANCELLED)
        tx.messages.update(new.workspace, deleted)
    return True


def reschedule(
    storage: Storage,
    new: NewMessage,
    due_at: datetime,
    *,
    message: Message | None = None,
    expires_at: datetime | None = None,
) -> bool:
    """Move a message, and keep it as it is given; by default as it was added."""
    with storage.begin() as tx:
        return tx.outbox.reschedule(
            new.workspace,
            message or new.message,
            due_at=due_at,
            expires_at=expires_at or due_at + timedelta(hours=1),
        )


def next_due(storage: Storage) -> datetime | None:
    """Return when the next message is due."""
    with storage.begin(read_only=True) as tx:
        return tx.outbox.next_due()


def raised(kind: type[E], call: Callable[[], object]) -> E:
    """Return the error of this kind that a call raises; it is a failure when it raises none."""
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was not raised")
