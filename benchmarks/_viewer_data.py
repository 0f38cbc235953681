"""Messages with their events, and all else that pages show, for the benchmark of the viewer."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from attrs import evolve

from _list_data import START, messages
from messaging_core import Messenger, Status
from messaging_core.decisions.status.events import admitted
from messaging_core.messages.rollups import RollupCounter
from messaging_core.models import ContactIdentifier, NewContact
from messaging_core.models.common.audit import AuditAction, AuditEntry
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.common.failure import Failure
from messaging_core.models.delivery.delivery import Delivery, NewMessage
from messaging_core.models.delivery.event import Event, EventKind
from messaging_core.models.messages.message import Direction
from messaging_core.ports.clock import TimeOrderedIds
from messaging_core.ports.storage.transaction import Storage

CHUNK = 10_000
CONTACTS = AUDITED = 10_000
TEMPLATE = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
SECOND = timedelta(seconds=1)
IN_DOUBT = Failure(code=12005, description="connection reset")


def end(count: int) -> datetime:
    """Return the present: just after the last of the messages was accepted."""
    return START + timedelta(milliseconds=100 * count)


def fill(storage: Storage, count: int) -> None:
    """Store messages with their events, many in a transaction."""
    chunk: list[NewMessage] = []
    for number, new in enumerate(messages(count), 1):
        chunk.append(_in_doubt(new) if number % 2000 == 999 else new)
        if len(chunk) == CHUNK or number == count:
            with storage.begin() as tx:
                tx.messages.add(chunk)
                tx.timeline.append([event for new in chunk for event in _events(new)])
            chunk = []
            print(".", end="", flush=True)
    print()


def _in_doubt(new: NewMessage) -> NewMessage:
    """Return a message of which no one knows whether the provider has it."""
    at = new.message.created_at
    message = evolve(new.message, status=Status.PROCESSING, failure=IN_DOUBT, details="in_doubt")
    delivery = Delivery(due_at=at + timedelta(days=1), expires_at=at + timedelta(days=2))
    return evolve(new, message=message, delivery=delivery)


def _events(new: NewMessage) -> Iterator[Event]:
    """Yield what happened to a message until it came to its status."""
    message = new.message
    waits = evolve(message, status=Status.ACCEPTED, failure=None)
    is_incoming = message.direction is Direction.INCOMING
    yield admitted(new.workspace, message if is_incoming else waits, new.delivery)
    if is_incoming or message.status in {Status.ACCEPTED, Status.SCHEDULED}:
        return
    delivered = message.status is Status.DELIVERED
    tried = Event(
        workspace=new.workspace,
        message_id=message.id,
        kind=EventKind.ATTEMPTED,
        at=message.created_at + SECOND,
        status=Status.SENT if delivered else message.status,
        attempt=1,
        outcome="accepted" if delivered or message.status is Status.SENT else "rejected",
        failure=message.failure,
        in_doubt=message.status is Status.PROCESSING,
    )
    yield tried
    if delivered:
        at = tried.at + 2 * SECOND
        status = Status.DELIVERED
        yield evolve(
            tried, kind=EventKind.REPORTED, at=at, status=status, attempt=None, outcome="DELIVRD"
        )


def add_rest(messenger: Messenger) -> None:
    """Store contacts, a template and an audit log, and count all events."""
    for number in range(CONTACTS):
        value = ContactIdentifier(key="phonenumber", value=f"+3161234{number % 5000:04}")
        identifiers = (value,) if number < 5000 else ()
        contact = NewContact(id=f"c{number}", display_name=f"C {number}", identifiers=identifiers)
        messenger.contacts.create(contact)
    messenger.templates.save("parcels", _template())
    messenger.templates.activate("parcels", TEMPLATE)
    now, ids = messenger.clock.now(), TimeOrderedIds()
    with messenger.storage.begin() as tx:
        for number in range(AUDITED):
            at = now - number * SECOND
            entry = AuditEntry(
                id=ids.new(at),
                workspace_id=DEFAULT_WORKSPACE,
                at=at,
                actor=f"Person {number % 20}",
                action=AuditAction.CONTENT_OPENED,
                message_id=UUID(int=number),
            )
            tx.audit.append(entry)
    RollupCounter(messenger.storage, messenger.clock, page=CHUNK).run()


def _template() -> dict[str, Any]:
    return {
        "id": str(TEMPLATE),
        "projectId": "parcels",
        "defaultLocale": "en",
        "genericContent": [
            {"locale": "en", "text": "Hi {{ name }}, locker {{ locker }}."},
            {"locale": "nl", "text": "Hoi {{ name }}, kluis {{ locker }}."},
        ],
        "variables": [{"key": "name", "default": "there"}, {"key": "locker", "type": "number"}],
    }
