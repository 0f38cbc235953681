"""How many packages one warm request enters: a figure for how the parts are composed."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import messaging_core
from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import Messenger, Worker
from messaging_core.models import Notification, ReceiptStatus, StatusReceipt
from messaging_core.notifications.audience import MappedAudience
from messaging_core.testing import MONDAY_MORNING as NOW
from messaging_core.testing import ManualClock, RecordingTransport, a_channel, a_request

ROOT = Path(messaging_core.__path__[0])
MOST_FOR_A_DELIVERY = 12
CHANNEL = a_channel()
PHONE = {"phoneNumber": "+31612345678"}
NOTIFICATION = Notification(
    channels=("sms",), recipients=("ada",), message_title="Parcel", message_content="It is here."
)


def _package_of(frame: FrameType) -> str | None:
    path = Path(frame.f_code.co_filename)
    if not path.is_relative_to(ROOT):
        return None
    package = path.relative_to(ROOT).parts[0].removesuffix(".py")
    # The clock, the transport and the storage of this test are the parts that a host brings.
    return None if package in {"testing", "document_stores"} else package


@contextmanager
def _recorded() -> Iterator[list[str]]:
    """Yield the packages of messaging_core in the order in which calls enter them."""
    entered: list[str] = []

    def record(frame: FrameType, event: str, _: Any) -> None:
        package = _package_of(frame) if event == "call" else None
        if package and entered[-1:] != [package]:
            entered.append(package)

    threading.setprofile(record)
    sys.setprofile(record)
    try:
        yield entered
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def _entered(what: str, action: Callable[[], object]) -> set[str]:
    with _recorded() as entered:
        action()
    packages = set(entered)
    print(f"{what}: {len(packages)} packages, {len(entered) - len(packages)} re-entries")  # noqa: T201 - shown by -s
    print("  " + ", ".join(sorted(packages)))  # noqa: T201 - shown by -s
    return packages


def test_a_warm_delivery_enters_at_most_twelve_packages() -> None:
    messenger = Messenger(
        storage=MemoryStorage(),
        channels={CHANNEL: RecordingTransport()},
        clock=ManualClock(),
        audience=MappedAudience(lambda _field, ids: [{"_id": user, **PHONE} for user in ids]),
    )
    worker = Worker(messenger, threads=1)
    messenger.send(CHANNEL, a_request())
    worker.run_once()

    sent = _entered("send", lambda: messenger.send(CHANNEL, a_request()))
    delivered = _entered("delivery", worker.run_once)
    message = messenger.send(CHANNEL, a_request())
    worker.run_once()
    report = StatusReceipt(
        source="acme", at=NOW, status=ReceiptStatus.DELIVERED, message_id=message.id
    )
    received = _entered("receipt", lambda: messenger.receive(report))
    messenger.notify(NOTIFICATION)
    notified = _entered("notification", lambda: messenger.notify(NOTIFICATION))

    assert {"acceptance", "decisions"} <= sent
    assert {"delivery", "decisions"} <= delivered
    assert {"receipts", "decisions"} <= received
    assert {"notifications", "acceptance"} <= notified
    assert len(delivered) <= MOST_FOR_A_DELIVERY
