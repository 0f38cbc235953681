"""The type `mail-reports`."""

from typing import Final

from messaging_adapters.receipts.mail_reports import MailReports
from messaging_core.ports.configuration import AdapterType

RECEIPTS: Final = AdapterType(
    make=MailReports,
    secrets=frozenset({"secret"}),
    username=None,
    password="secret",  # noqa: S106 - the name of an option
    host=None,
)
