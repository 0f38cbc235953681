"""Notify two groups of users by email, SMS and push, from a template with an attachment.

Run it: `python docs/examples/notification.py`. Everything goes to the console.
"""

import sys
import tempfile
from pathlib import Path
from typing import TextIO
from uuid import UUID

from messaging_adapters.files.folder import FolderFiles
from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.transports.console import ConsoleTransport
from messaging_core import Channel, Messenger, Worker
from messaging_core.models import ContactIdentifier, NewContact, Notification, NotificationReport
from messaging_core.templating import from_mia

MAIL = Channel(name="news", platform="email", sender="shop@sender.example")
SMS = Channel(name="texts", platform="sms", sender="Shop")
APP = Channel(name="app", platform="push", sender="shop-app")
TEMPLATE = {
    "_id": "5e8b1e2f1c9d440000a1b2c3",
    "name": "Closed on a day",
    "emailTitle": "Closed on {{data.day}}",
    "emailHtmlMessage": "<p>Dear {{user.displayName}}, on {{data.day}} we are closed.</p>",
    "emailAttachments": [{"file": "hours.txt", "name": "Opening hours.txt"}],
    "smsMessage": "Dear {{user.displayName}}, on {{data.day}} we are closed.",
    "pushTitle": "Closed on {{data.day}}",
    "pushMessage": "See you the day after, {{user.displayName}}!",
}
PEOPLE = (
    ("ada", "Ada", ("customers", "staff"), {"emailaddress": "ada@receiver.example"}),
    ("grace", "Grace", ("customers",), {"phonenumber": "+31612345679", "pushtoken": "t-grace"}),
    ("joan", "Joan <3", ("staff",), {"emailaddress": "joan@receiver.example"}),
    ("mary", "Mary", (), {"phonenumber": "+31612345678"}),
)


def people(messenger: Messenger) -> None:
    """Make two lists, and contacts who are on one of them, on both or on none."""
    lists = {name: messenger.contacts.create_list(name).id for name in ("customers", "staff")}
    for contact_id, name, clusters, identifiers in PEOPLE:
        messenger.contacts.create(
            NewContact(
                id=contact_id,
                display_name=name,
                identifiers=tuple(
                    ContactIdentifier(key=key, value=value) for key, value in identifiers.items()
                ),
                list_ids=tuple(lists[one] for one in clusters),
            )
        )


def notify(folder: Path, stream: TextIO) -> NotificationReport:
    """Set everything up, notify both lists, and return the report."""
    (folder / "hours.txt").write_text("Monday to Friday, 9 to 17\n")
    (folder / "map.txt").write_text("Next to the station\n")
    files = FolderFiles(folder)
    console = ConsoleTransport(stream)
    messenger = Messenger(
        storage=MemoryStorage(), channels={MAIL: console, SMS: console, APP: console}, files=files
    )
    people(messenger)
    template = from_mia(
        TEMPLATE, UUID("01890a5d-ac96-774b-bcce-b302099a8057"), files=files.base_url
    )
    (version,) = template.versions
    messenger.templates.save(template.id, version, name=template.name)
    messenger.templates.activate(template.id, version.id)
    return Worker(messenger, threads=1).notify(
        Notification(
            channels=("email", "sms", "push"),
            recipients=("mary", "nobody"),
            clusters=("customers", "staff"),
            template_id=template.id,
            data={"day": "Tuesday"},
            email_attachments=("map.txt", "hours.txt"),
            email_carbon_copies=("desk@sender.example",),
        )
    )


def main(stream: TextIO) -> None:
    """Notify, and print the report."""
    with tempfile.TemporaryDirectory() as folder:
        report = notify(Path(folder), stream)
    print(f"{len(report.messages)} messages, {len(report.failures)} failures", file=stream)
    for skip in report.skipped:
        print(f"{skip.user_id} gets no {skip.channel}: {skip.reason}", file=stream)
    for one in report.unresolved:
        print(f"nobody is called {one.recipient}", file=stream)


if __name__ == "__main__":
    main(sys.stdout)
