"""A notification to two clusters by email, SMS and push, with a template and attachments.

Run it: `python docs/examples/notification.py`. It is the `POST /send` of the Mia-Platform Messaging
Service, answered by an engine in this process over the records that a host has of its users.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

from messaging_adapters.files.folder import FolderFiles
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_adapters.transports.development.file import FileTransport
from messaging_core import Channel, Message, Messenger, Worker
from messaging_core.models import (
    Accepted,
    Deferred,
    Failure,
    FailureCode,
    Outcome,
    Rejected,
    Retry,
    TextBody,
)
from messaging_core.notifications.audience import MappedAudience
from messaging_core.ports.files import StoredMedia
from messaging_core.templates import from_mia
from messaging_core.testing import ManualClock, RecordingTransport
from messaging_core.wire import dump

# What the host has already: users, a template and files.

USERS: list[dict[str, Any]] = [
    {
        "_id": "anna",
        "name": "Anna <3",
        "clusters": ["nurses", "first-aid"],  # in both, and she gets everything once
        "emailAddress": "anna@clinic.example",
        "phoneNumber": "+31600000011",
        "deviceToken": "token-of-anna",
    },
    {
        "_id": "bruno",
        "name": "Bruno",
        "clusters": ["nurses"],
        "emailAddress": "bruno@clinic.example",
        "phoneNumber": "+31600000012",  # and no device
    },
    {
        "_id": "chiara",
        "name": "Chiara",
        "clusters": ["first-aid"],
        "emailAddress": "chiara@clinic.example",
        "phoneNumber": "+31600000013",  # a number that is not in use any more
        "deviceToken": "token-of-chiara",
    },
    {"_id": "davide", "clusters": ["drivers"], "emailAddress": "davide@clinic.example"},
]

FILES = FolderFiles(Path(__file__).parent / "files")

TEMPLATE = {
    "_id": "course",
    "name": "An invitation to a course",
    "emailTitle": "{{data.course}} on {{data.day}}",
    "emailHtmlMessage": "<p>Hello {{user.name}},</p><p>{{data.note}}</p>",
    "emailAttachments": [{"file": "timetable.csv", "name": "first-aid.csv"}],
    "smsMessage": "{{user.name}}, your course {{data.course}} is on {{data.day}}.",
    "pushTitle": "{{data.course}}",
    "pushMessage": "{{user.name}}, see you on {{data.day}}!",
}

REQUEST = {
    "channels": ["email", "sms", "push"],
    "clusters": ["nurses", "first-aid"],
    "recipients": ["elena"],  # an unknown user
    "templateId": "course",
    "data": {"course": "First aid", "day": "12 May", "note": "Bring:\n- shoes\n- your badge"},
    "emailAttachments": ["checklist.txt"],
}

MAIL = Channel(name="mail", platform="email", sender="courses@clinic.example")
TEXTS = Channel(name="texts", platform="sms", sender="Clinic")
APP = Channel(name="app", platform="push", sender="clinic.example")

# What the provider of SMS answers: it is too busy for Anna, takes Bruno, and refuses Chiara.

BUSY = Failure(code=FailureCode.THROTTLED, description="too busy", retry=Retry.THROTTLED)
GONE = Failure(
    code=FailureCode.UNKNOWN_RECEIVER,
    description="the number is not in use",
    retry=Retry.RECIPIENT_GONE,
)
BAD_DAY: list[Outcome] = [
    Deferred(failure=BUSY),
    Accepted(references=("acme-1",)),
    Rejected(failure=GONE),
]


def main() -> None:
    """Send it, wait for what has to be tried again, and show what arrived and what did not."""
    clock = ManualClock(datetime(2026, 5, 4, 8, tzinfo=UTC))
    with TemporaryDirectory() as mailbox, SqliteStorage(":memory:") as storage:
        messenger = Messenger(
            storage=storage,
            channels={
                MAIL: FileTransport(mailbox, media=StoredMedia(FILES)),
                TEXTS: RecordingTransport(BAD_DAY, name="acme"),
                APP: RecordingTransport(name="push"),
            },
            audience=MappedAudience(find_users),
            files=FILES,
            clock=clock,
        )
        keep_template(messenger)
        worker = Worker(messenger, threads=1, random=lambda: 0.5)

        print(
            "An invitation to the clusters nurses and first-aid, and to elena, over three channels."
        )
        report = worker.notify(REQUEST, idempotency_key="course-2026-05")
        print("\nThe answer, as the Messaging Service gives it:\n")
        print(json.dumps(dump(report), indent=2))

        clock.advance(minutes=5)
        worker.drain()
        print("\nWhat happened to each message:")
        for message_id in report.messages:
            show_timeline(messenger, messenger.get(message_id))
        print("\nA mail, as it arrived:\n")
        show_mail(mailbox, "anna@clinic.example")


def find_users(field: str, values: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """Find users whose field is, or holds, one of the values; a real host asks its database."""
    for user in USERS:
        held = user[field] if isinstance(user[field], list) else [user[field]]
        if not set(held).isdisjoint(values):
            yield user


def keep_template(messenger: Messenger) -> None:
    """Move the template over; from then on the engine keeps it, with all its versions."""
    project = from_mia(TEMPLATE, UUID(int=1), files=FILES.base_url)
    (version,) = project.versions
    messenger.templates.save(project.id, version, name=project.name)
    messenger.templates.activate(project.id, version.id)


def show_timeline(messenger: Messenger, message: Message) -> None:
    """Print what happened to one message."""
    channel = messenger.channel(message.channel_id)
    words = f": {message.body.text}" if isinstance(message.body, TextBody) else ""
    print(f"\n{channel.platform} to {message.reference}{words}")
    for event in messenger.timeline(message.id):
        what = f"{event.kind} {event.outcome or ''}"
        why = event.failure.description if event.failure else ""
        print(f"  {event.at:%H:%M}  {what:<20}  {event.status:<15}  {why}".rstrip())


def show_mail(mailbox: str, receiver: str) -> None:
    """Print one mail: its header, its text and what is attached."""
    for path in Path(mailbox).glob("*.eml"):
        mail = message_from_bytes(path.read_bytes(), policy=policy.default)
        if mail["To"] != receiver:
            continue
        for name in ("From", "To", "Subject"):
            print(f"  {name}: {mail[name]}")
        body = mail.get_body(("html",))
        print(f"\n  {body.get_content().strip() if body else ''}\n")
        for part in mail.iter_attachments():
            print(f"  [{part.get_filename()}, {part.get_content_type()}]")


if __name__ == "__main__":
    main()
