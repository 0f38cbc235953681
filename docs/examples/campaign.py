"""A campaign by SMS over midnight: three time zones, quiet hours, and one who opts out in between.

Run it: `python docs/examples/campaign.py`. Nothing leaves the process, and the night takes no
longer than the script takes to move its clock.
"""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Channel, Message, MessageQuery, Messenger, SendMessage, Worker, text, to
from messaging_core.models import (
    ContactIdentifier,
    Event,
    Failure,
    FailureCode,
    IncomingMessage,
    InteractionReceipt,
    InteractionType,
    NewContact,
    QuietHours,
    QuietWindow,
    ReceiptStatus,
    SendRules,
    StatusReceipt,
    TextBody,
)
from messaging_core.testing import ManualClock, RecordingTransport

PEOPLE = {
    "Ada": ("+31600000001", "Europe/Amsterdam"),
    "Bram": ("+31600000002", "Europe/Amsterdam"),
    "Carol": ("+15552010103", "America/New_York"),
    "Daichi": ("+819012345678", "Asia/Tokyo"),
}
OFFERS = Channel(name="offers", platform="sms", sender="+31600000099", message_type="promotional")
NIGHT = QuietWindow(start=time(21), end=time(8))  # in the time zone of the receiver

storage = SqliteStorage(":memory:")
clock = ManualClock(datetime(2026, 3, 6, 15, tzinfo=UTC))
messenger = Messenger(
    storage=storage,
    channels={OFFERS: RecordingTransport(name="acme")},  # a real host has a real provider here
    send_rules=SendRules(quiet_hours=QuietHours(windows=(NIGHT,))),
    clock=clock,
)
worker = Worker(messenger)


def main() -> None:
    """Play one night, and show what became of every message."""
    print("Friday, 6 March 2026: an offer to four people is accepted at 15:00 UTC, for 22:30 UTC.")
    print("It is quiet from 21:00 to 08:00 wherever they are.\n")
    know_everybody()
    offers = send_offer(scheduled_for=datetime(2026, 3, 6, 22, 30, tzinfo=UTC))

    deliver(datetime(2026, 3, 6, 22, 30, tzinfo=UTC), "it is time; in New York it is 17:30")
    report(offers["Carol"], ReceiptStatus.DELIVERED)
    report(offers["Carol"], ReceiptStatus.SENT)  # it comes late, and moves nothing back

    deliver(datetime(2026, 3, 6, 23, 0, tzinfo=UTC), "the night ends in Tokyo")
    report(offers["Daichi"], ReceiptStatus.FAILED)

    write_in("Bram", "STOP", at=datetime(2026, 3, 6, 23, 20, tzinfo=UTC))
    deliver(
        datetime(2026, 3, 6, 23, 21, tzinfo=UTC), "Bram in Amsterdam wrote STOP, and gets an answer"
    )

    deliver(datetime(2026, 3, 7, 7, 0, tzinfo=UTC), "the night ends in Amsterdam")
    report(offers["Ada"], ReceiptStatus.DELIVERED)
    click(offers["Ada"])

    print("\nWhat happened to each message, on the clock of the person:")
    for name, offer in offers.items():
        show_timeline(name, offer)
    for message in everything_else():
        show_timeline("Bram", message)


# What a host does


def know_everybody() -> None:
    """Tell the engine where people live: quiet hours are those of the receiver."""
    for name, (number, zone) in PEOPLE.items():
        phone = ContactIdentifier(key="phonenumber", value=number)
        messenger.contacts.create(
            NewContact(id=name.lower(), display_name=name, identifiers=(phone,), time_zone=zone)
        )


def send_offer(scheduled_for: datetime) -> dict[str, Message]:
    """Accept a message for each customer in one transaction; a repeated call accepts none twice."""
    requests = [
        SendMessage(
            receiver=to(number),
            body=text(f"{name}, shoes are 10% off until Sunday. STOP to opt out"),
            scheduled_for=scheduled_for,
            tags=("shoes",),
        )
        for name, (number, _) in PEOPLE.items()
    ]
    batch = messenger.send_batch("offers", requests, idempotency_key="shoes-2026-03")
    return dict(zip(PEOPLE, batch.messages, strict=True))


def deliver(now: datetime, why: str) -> None:
    """Move the clock, and let a worker do what is due; in service it runs all the time."""
    clock.set(now)
    done = worker.drain()
    print(f"{now:%a %H:%M} UTC  {done.sent} sent: {why}")
    clock.advance(minutes=1)


def report(message: Message, status: ReceiptStatus) -> None:
    """Take in what the provider reports of a message, as a host's webhook does."""
    absent = Failure(code=FailureCode.UNREACHABLE, description="the phone was off all day")
    messenger.receive(
        StatusReceipt(
            source="acme",
            message_id=message.id,
            status=status,
            provider_status=status.upper(),
            failure=absent if status is ReceiptStatus.FAILED else None,
            at=clock.now(),
        )
    )


def click(message: Message) -> None:
    """Record that a customer followed the link."""
    messenger.receive(
        InteractionReceipt(
            source="acme", message_id=message.id, type=InteractionType.CLICKED, at=clock.now()
        )
    )


def write_in(name: str, words: str, at: datetime) -> None:
    """Process a message that a customer writes to the channel's number."""
    clock.set(at)
    messenger.receive(
        IncomingMessage(
            source="acme",
            channel_id=OFFERS.id,
            sender=PEOPLE[name][0],
            body=TextBody(text=words),
            reference=f"in-{name}",
            at=at,
        )
    )


# What a reader sees


def everything_else() -> list[Message]:
    """Return the messages that are no offers, the oldest first."""
    page = messenger.find(MessageQuery(reverse=True))
    return [message for message in page.results if "shoes" not in message.tags]


def show_timeline(name: str, message: Message) -> None:
    """Print what happened to a message and why, by the clock of whom it went to or came from."""
    zone = ZoneInfo(PEOPLE[name][1])
    words = message.body.text if isinstance(message.body, TextBody) else ""
    print(f"\n{name}, {zone}: {words}")
    for event in messenger.timeline(message.id):
        first, *more = why(event, zone) or [""]
        what = f"{event.kind} {event.outcome or ''}"
        at = event.at.astimezone(zone)
        print(f"  {at:%a %d %b %H:%M}  {what:<20}  {event.status:<15}  {first}".rstrip())
        for line in more:
            print(f"{'':59}{line}")


def why(event: Event, zone: ZoneInfo) -> list[str]:
    """Say what was decided on what grounds, and when something happens next."""
    said = [reason.message for reason in event.reasons]
    if event.failure:
        said.append(event.failure.description)
    if event.due_at:
        said.append(f"due {event.due_at.astimezone(zone):%a %d %b %H:%M}")
    return said


if __name__ == "__main__":
    with storage:
        main()
