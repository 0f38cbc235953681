"""Values for tests, of which a test names only what matters to it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from attrs import evolve

from messaging_core.models.common.channel import DEFAULT_WORKSPACE, EMAIL, SMS, Channel
from messaging_core.models.common.failure import Failure, FailureCode, FailureSource, Retry
from messaging_core.models.content.body import Body, TextBody, TextMetadata
from messaging_core.models.delivery.delivery import (
    Claim,
    Delivery,
    IdempotencyKey,
    Lane,
    Lease,
    NewMessage,
    Settlement,
)
from messaging_core.models.delivery.event import Event, EventKind
from messaging_core.models.delivery.receipt import (
    KeptReceipt,
    Receipt,
    ReceiptStatus,
    StatusReceipt,
)
from messaging_core.models.messages.compose import to as receiver_of
from messaging_core.models.messages.message import Direction, Message, Status
from messaging_core.models.messages.request import SendMessage
from messaging_core.models.people.contact import (
    Connector,
    Contact,
    ContactIdentifier,
    MessageContact,
    MessageReceiver,
    MessageSender,
)
from messaging_core.models.people.directory import ContactList
from messaging_core.models.people.suppression import Suppression, SuppressionCause, SuppressionScope
from messaging_core.rules.policy.lifecycle import is_waiting
from messaging_core.testing.clock import MONDAY_MORNING

A_NUMBER = "+31612345678"
OUR_NUMBER = "+31600000001"
AN_ADDRESS = "ada@receiver.example"
OUR_ADDRESS = "shop@sender.example"

_SENDERS = {SMS: OUR_NUMBER, EMAIL: OUR_ADDRESS}
_VALIDITY = timedelta(hours=36)
_LATEST = datetime.max.replace(tzinfo=UTC) - _VALIDITY


def a_channel(name: str = "orders", platform: str = SMS, **fields: Any) -> Channel:
    """Return a channel that can send: `a_channel(platform="email", active=False)`."""
    return Channel(
        **{"sender": _SENDERS.get(platform), **fields, "name": name, "platform": platform}
    )


def a_request(
    body: str | Body = "hi", *, to: str | Sequence[str] = A_NUMBER, **fields: Any
) -> SendMessage:
    """Return a request that breaks no rule on `a_channel()`: `a_request("hi", tags=("vip",))`."""
    addresses = [to] if isinstance(to, str) else to
    return SendMessage(**{"body": _body(body), "receiver": receiver_of(*addresses), **fields})


def a_message(
    body: str | Body = "hi",
    *,
    to: str | Sequence[str] = A_NUMBER,
    sender: str | None = None,
    at: datetime = MONDAY_MORNING,
    **fields: Any,
) -> Message:
    """Return a message to `to`, accepted `at` an instant.

    Args:
        body: Its content, or just the text.
        to: Whom it goes to; an address with an @ makes it an email.
        sender: Whom it comes from; by default the channel's number or address.
        at: When it was accepted; its status has not changed since.
        fields: Of `Message`.
    """
    addresses = [to] if isinstance(to, str) else to
    is_email = any("@" in address for address in addresses)
    channel = a_channel(platform=EMAIL if is_email else SMS)
    message = Message(
        id=uuid4(),
        channel_id=channel.id,
        sender=MessageSender(
            connector=Connector(id=channel.id, identifier_value=sender or channel.sender)
        ),
        receiver=MessageReceiver(contacts=tuple(map(_contact, addresses))),
        status=Status.ACCEPTED,
        last_status_at=at,
        created_at=at,
        updated_at=at,
        body=_body(body),
    )
    return evolve(message, **fields)


def an_incoming_message(
    body: str | Body = "STOP",
    *,
    sender: str = A_NUMBER,
    at: datetime = MONDAY_MORNING,
    **fields: Any,
) -> Message:
    """Return a message from `sender` to our own number, received `at` an instant."""
    channel = a_channel()
    received: dict[str, Any] = {
        "direction": Direction.INCOMING,
        "status": Status.DELIVERED,
        "sender": MessageSender(contact=_contact(sender)),
        "receiver": MessageReceiver(
            connector=Connector(id=channel.id, identifier_value=channel.sender)
        ),
    }
    return evolve(a_message(body, at=at), **{**received, **fields})


def a_delivery(due_at: datetime = MONDAY_MORNING, **fields: Any) -> Delivery:
    """Return a delivery that is due at an instant, valid for 36 hours and not tried yet."""
    expires_at = min(due_at, _LATEST) + _VALIDITY
    return Delivery(**{"expires_at": expires_at, **fields, "due_at": due_at})


def a_new_message(
    message: Message | None = None,
    *,
    workspace: UUID = DEFAULT_WORKSPACE,
    lane: Lane = Lane.TRANSACTIONAL,
    key: str | None = None,
    **fields: Any,
) -> NewMessage:
    """Return a message as it goes into a storage; one that waits is due at once.

    Args:
        message: The message; by default any.
        workspace: Its tenant.
        lane: How urgent it is.
        key: Its idempotency key.
        fields: Of `NewMessage`.
    """
    message = message or a_message()
    delivery = a_delivery(message.scheduled_for or message.created_at, lane=lane)
    is_email = any(
        contact.identifier_key == "emailaddress" for contact in message.receiver.contacts
    )
    idempotency = IdempotencyKey(key=key, request_hash="0" * 64) if key is not None else None
    usual: dict[str, Any] = {
        "platform": EMAIL if is_email else SMS,
        "delivery": delivery if is_waiting(message.status) else None,
        "idempotency": idempotency,
    }
    return NewMessage(**{**usual, **fields, "workspace": workspace, "message": message})


def a_claim(
    message: Message | None = None, *, now: datetime = MONDAY_MORNING, **delivery: Any
) -> Claim:
    """Return a message as a worker holds it, claimed just now for 15 minutes.

    Args:
        message: What was claimed; by default any, in status `processing`.
        now: When it was claimed.
        delivery: Fields of `Delivery`; this is the first attempt unless it says otherwise.
    """
    message = message or a_message(at=now, status=Status.PROCESSING)
    return Claim(
        workspace=DEFAULT_WORKSPACE,
        message=message,
        delivery=a_delivery(**{"due_at": now, "attempts": 1, **delivery}),
        lease=Lease(
            position=1,
            fence=1,
            until=now + timedelta(minutes=15),
            workspace=DEFAULT_WORKSPACE,
            message_id=message.id,
        ),
    )


def a_settlement(
    claim: Claim, status: Status = Status.SENT, *, at: datetime = MONDAY_MORNING, **fields: Any
) -> Settlement:
    """Return what becomes of a claim: `a_settlement(claim, Status.SENT)`."""
    return Settlement(**{"lease": claim.lease, "at": at, "status": status, **fields})


def a_failure(code: int = FailureCode.TRANSIENT, **fields: Any) -> Failure:
    """Return a transient failure that a provider reported."""
    usual: dict[str, Any] = {
        "description": "the provider is busy",
        "source": FailureSource(code="busy", name="provider"),
        "retry": Retry.TRANSIENT,
    }
    return Failure(**{**usual, **fields, "code": code})


def a_subject(subject: str, text: str = "hi") -> TextBody:
    """Return the body of an email with this subject."""
    return TextBody(text=text, metadata=TextMetadata(subject=subject))


def a_receipt(**fields: Any) -> StatusReceipt:
    """Return a provider's report that a message was delivered: `a_receipt(reference="p-1")`."""
    usual: dict[str, Any] = {
        "source": "provider",
        "at": MONDAY_MORNING,
        "status": ReceiptStatus.DELIVERED,
    }
    return StatusReceipt(**{**usual, **fields})


def a_kept_receipt(
    receipt: Receipt | None = None, *, workspace: UUID = DEFAULT_WORKSPACE, key: str = "k"
) -> KeptReceipt:
    """Return a receipt on its way into a storage."""
    return KeptReceipt(
        position=0,
        workspace=workspace,
        key=key,
        received_at=MONDAY_MORNING,
        receipt=receipt or a_receipt(),
    )


def an_event(kind: EventKind = EventKind.ADMITTED, **fields: Any) -> Event:
    """Return something that happened to a message."""
    usual: dict[str, Any] = {
        "workspace": DEFAULT_WORKSPACE,
        "message_id": uuid4(),
        "at": MONDAY_MORNING,
        "status": Status.ACCEPTED,
    }
    return Event(**{**usual, **fields, "kind": kind})


def a_contact(contact_id: str, *addresses: str, **fields: Any) -> Contact:
    """Return a contact with some addresses: `a_contact("ada", "ada@x.example", locale="nl")`.

    Args:
        contact_id: Its id.
        addresses: Phone numbers begin with `+`, email addresses hold an `@`; anything else is an
            identifier of kind `customer`.
        fields: Of `Contact`.
    """
    usual: dict[str, Any] = {
        "workspace_id": DEFAULT_WORKSPACE,
        "created_at": MONDAY_MORNING,
        "updated_at": MONDAY_MORNING,
        "featured_identifiers": tuple(
            ContactIdentifier(key=_key(address), value=address) for address in addresses
        ),
    }
    return Contact(**{**usual, **fields, "id": contact_id})


def a_contact_list(name: str = "vips", **fields: Any) -> ContactList:
    """Return an empty list of contacts."""
    usual: dict[str, Any] = {
        "id": uuid4(),
        "workspace_id": DEFAULT_WORKSPACE,
        "created_at": MONDAY_MORNING,
        "updated_at": MONDAY_MORNING,
    }
    return ContactList(**{**usual, **fields, "name": name})


def a_suppression(address: str, **fields: Any) -> Suppression:
    """Return a suppression of an address, of marketing by hand unless it says otherwise."""
    usual: dict[str, Any] = {
        "identifier_key": _key(address),
        "scope": SuppressionScope.MARKETING,
        "cause": SuppressionCause.MANUAL,
        "at": MONDAY_MORNING,
    }
    return Suppression(**{**usual, **fields, "identifier_value": address})


def _key(address: str) -> str:
    if "@" in address:
        return "emailaddress"
    return "phonenumber" if address.startswith("+") else "customer"


def _body(body: str | Body) -> Body:
    return TextBody(text=body) if isinstance(body, str) else body


def _contact(address: str) -> MessageContact:
    is_email = "@" in address
    return MessageContact(
        id=str(uuid4()),
        identifier_key="emailaddress" if is_email else "phonenumber",
        identifier_value=address,
    )
