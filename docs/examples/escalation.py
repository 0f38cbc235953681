"""A push message that no phone confirms becomes an SMS; one that is confirmed does not.

Run it: `python docs/examples/escalation.py`. Two stand-ins for providers remember what they get.
"""

from datetime import UTC, datetime, timedelta

from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_adapters.transports.composition.router import Route, Router
from messaging_core import Channel, Message, Messenger, SendMessage, Worker, text, to
from messaging_core.models import (
    ContactIdentifier,
    Escalation,
    NewContact,
    ReceiptStatus,
    StatusReceipt,
)
from messaging_core.testing import ManualClock, RecordingTransport

APP = Channel(
    name="app",
    platform="push",
    escalation=Escalation(channel="texts", after=timedelta(minutes=5)),
)
TEXTS = Channel(name="texts", platform="sms", sender="The Shop")
PEOPLE = {"Anna": ("phone-of-anna", "+31612345671"), "Bruno": ("phone-of-bruno", "+33612345672")}


def main() -> None:
    """Send two push messages, of which one phone confirms its own, and let time pass."""
    clock = ManualClock(datetime(2026, 5, 4, 8, tzinfo=UTC))
    push, dutch, other = (RecordingTransport(name=name) for name in ("push", "dutch", "other"))
    routes = Router(Route(dutch, countries={"NL"}), default=other)
    with SqliteStorage(":memory:") as storage:
        messenger = Messenger(storage=storage, channels={APP: push, TEXTS: routes}, clock=clock)
        for token, number in PEOPLE.values():
            messenger.contacts.create(contact(token, number))
        worker = Worker(messenger, threads=1)

        plan = messenger.plan(APP, request("Anna"))
        print(f"The plan for Anna: push now, valid until {plan.expires_at:%H:%M}.")
        if plan.fallback is not None:
            print(f"Its fallback: SMS at {plan.fallback.due_at:%H:%M}, unless it is delivered.")

        sent = {name: messenger.send(APP, request(name)) for name in PEOPLE}
        worker.drain()
        clock.advance(minutes=1)
        messenger.receive(confirmation(sent["Anna"], clock.now()))
        worker.drain()
        print(f"\n{clock.now():%H:%M}, the app on the phone of Anna confirms its message:")
        show(messenger)

        clock.advance(minutes=4)
        worker.drain()
        print(f"\n{clock.now():%H:%M}, the phone of Bruno is off:")
        show(messenger)
        taken = {own.name: [envelope.to for envelope in own.sent] for own in (dutch, other)}
        print(f"The providers of SMS got: {taken}")

        print("\nThe timeline of the push message to Bruno:")
        for event in messenger.timeline(sent["Bruno"].id):
            codes = ", ".join(reason.code for reason in event.reasons)
            print(f"  {event.at:%H:%M} {event.kind:<10}{event.status:<10}{codes}".rstrip())


def contact(token: str, number: str) -> NewContact:
    """Return a person with an app and a number."""
    identifiers = (
        ContactIdentifier(key="pushtoken", value=token),
        ContactIdentifier(key="phonenumber", value=number),
    )
    return NewContact(identifiers=identifiers)


def request(name: str) -> SendMessage:
    """Return what to send to a person."""
    return SendMessage(
        receiver=to(PEOPLE[name][0]), body=text(f"{name}, your courier is here"), reference=name
    )


def confirmation(message: Message, at: datetime) -> StatusReceipt:
    """Return what the app reports to the shop, which hands it to the engine."""
    return StatusReceipt(
        source="push", at=at, message_id=message.id, status=ReceiptStatus.DELIVERED
    )


def show(messenger: Messenger) -> None:
    """Print where each message is."""
    for message in reversed(messenger.find().results):
        platform = messenger.channel(message.channel_id).platform
        details = message.reason or ""
        print(f"  {message.reference:<7}{platform:<6}{message.status:<10}{details}".rstrip())


if __name__ == "__main__":
    main()
