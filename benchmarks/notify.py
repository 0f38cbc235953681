"""Notify lists of contacts over two channels, and compare with sending the same messages plainly.

Both take turns, a list each, so that a busy machine slows both alike. Prints messages a second and
their ratio, then the memory that a notification to all takes beside that to a single list, and
fails where the ratio is less than half, or a message costs more than its place in the report.
"""

import sys
import tempfile
import tracemalloc
from itertools import islice
from pathlib import Path
from statistics import median

from _hosts import QUICK, cpu_in_short, reaches, stays_below
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Channel, Messenger, SendMessage
from messaging_core.models import ContactIdentifier, Notification, text, to
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.people.contact import Contact
from messaging_core.testing.recording import RecordingTransport

LISTS = 10
CHUNK = 1000 if QUICK else 10_000
LEAST = 0.5
OCTETS = 64  # 16 for the id, as much again while the list grows, and what caches keep
MAIL = Channel(name="news", platform="email", sender="shop@sender.example")
SMS = Channel(name="texts", platform="sms", sender="Shop")
TITLE, CONTENT = (
    "Your parcel",
    "Hello {{user.displayName}}, your parcel is in locker {{data.locker}}",
)


def address(number: int) -> str:
    """Return the mail address of one of the people."""
    return f"c{number}@receiver.example"


def phone(number: int) -> str:
    """Return the number of one of the people."""
    return f"+316{10_000_000 + number}"


def fill(messenger: Messenger, count: int) -> None:
    """Make contacts with a name, an address and a number, evenly on some lists."""
    lists = [messenger.contacts.create_list(f"list {number}") for number in range(LISTS)]
    now = messenger.clock.now()
    numbers = iter(range(count))
    while chunk := list(islice(numbers, CHUNK)):
        with messenger.storage.begin() as tx:
            for number in chunk:
                tx.contacts.save(
                    Contact(
                        id=f"customer-{number:07}",
                        workspace_id=DEFAULT_WORKSPACE,
                        created_at=now,
                        updated_at=now,
                        computed_display_name=f"Customer {number}",
                        featured_identifiers=(
                            ContactIdentifier(key="emailaddress", value=address(number)),
                            ContactIdentifier(key="phonenumber", value=phone(number)),
                        ),
                    )
                )
            for place, contact_list in enumerate(lists):
                mine = [f"customer-{number:07}" for number in chunk if number % LISTS == place]
                tx.lists.add_members(DEFAULT_WORKSPACE, contact_list.id, mine)


def notification(*lists: int) -> Notification:
    """Return a notification to some of the lists."""
    return Notification(
        channels=("email", "sms"),
        clusters=tuple(f"list {number}" for number in lists),
        message_title=TITLE,
        message_content=CONTENT,
        data={"locker": 12},
    )


def plainly(messenger: Messenger, people: range) -> float:
    """Send the same messages with `send_many`, and return how many a second."""
    contents = [f"Hello Customer {number}, your parcel is in locker 12" for number in people]
    mails = [
        SendMessage(receiver=to(address(number)), body=text(content, subject=TITLE))
        for number, content in zip(people, contents, strict=True)
    ]
    texts = [
        SendMessage(receiver=to(phone(number)), body=text(content))
        for number, content in zip(people, contents, strict=True)
    ]
    start = cpu_in_short()
    messenger.send_many(MAIL, mails)
    messenger.send_many(SMS, texts)
    return 2 * len(people) / (cpu_in_short() - start)


def notified(messenger: Messenger, *lists: int) -> tuple[int, float]:
    """Notify some of the lists, and return how many messages it took and how many a second."""
    start = cpu_in_short()
    report = messenger.notify(notification(*lists))
    seconds = cpu_in_short() - start
    assert not report.failures
    assert not report.skipped
    return len(report.messages), len(report.messages) / seconds


def peak(messenger: Messenger, *lists: int) -> tuple[int, int]:
    """Return how many messages a notification took, and the most bytes that it needed."""
    tracemalloc.start()
    count, _ = notified(messenger, *lists)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return count, most


def main(count: int) -> int:
    """Print the figures; fail when notifications are slow, or memory grows with them."""
    with (
        tempfile.TemporaryDirectory() as folder,
        SqliteStorage(Path(folder) / "notify.db", synchronous="NORMAL") as storage,
    ):
        transport = RecordingTransport()
        messenger = Messenger(storage=storage, channels={MAIL: transport, SMS: transport})
        fill(messenger, count)
        rates: list[tuple[float, float]] = []
        for number in range(LISTS):
            plain = plainly(messenger, range(number, count, LISTS))
            total, ours = notified(messenger, number)
            assert total == 2 * count // LISTS
            rates.append((ours, plain))
        ratio = median(ours / plain for ours, plain in rates)
        print(f"notify    {median(ours for ours, _ in rates):9,.0f} messages/s")
        print(f"send_many {median(plain for _, plain in rates):9,.0f} messages/s")
        is_fast = reaches("notify, of send_many", ratio, LEAST)
        few, small = peak(messenger, 0)
        many, large = peak(messenger, *range(LISTS))
    growth = (large - small) / (many - few)
    print(f"{few:9,} messages  {small / 2**20:6.2f} MiB at most")
    print(f"{many:9,} messages  {large / 2**20:6.2f} MiB at most")
    is_flat = stays_below("memory for each further message", growth, OCTETS, "bytes")
    return 0 if is_fast and is_flat else 1


if __name__ == "__main__":
    sys.exit(main(5000 if QUICK else 100_000))
