"""The channels and the time of the demonstration."""

from datetime import UTC, datetime
from typing import Final

BEGIN: Final = datetime(2026, 3, 2, 9, tzinfo=UTC)
"""When the demonstration takes place, always: its examples are scheduled for fixed instants."""

SMS_FOLDER: Final = "sms"
PUSH_FOLDER: Final = "push"
MAIL_FOLDER: Final = "mail"

CONFIG: Final = f"""\
# The channels of `messaging demo`. They write into folders beside this file; the demo itself
# sends its email over SMTP, to a server of its own.

database = "messages.db"

[channels.login]
platform = "sms"
sender = "The Shop"
message_type = "2fa"
transport = {{ type = "file", folder = "{SMS_FOLDER}" }}

[channels.parcels]
platform = "sms"
sender = "The Shop"
transport = {{ type = "file", folder = "{SMS_FOLDER}" }}

[channels.photos]
platform = "sms"
mms = true
sender = "+15552010000"
transport = {{ type = "file", folder = "{SMS_FOLDER}" }}

[channels.support]
platform = "email"
sender = "support@shop.example"
sender_name = "The Shop"
message_type = "conversational"
transport = {{ type = "file", folder = "{MAIL_FOLDER}" }}

[channels.orders]
platform = "email"
sender = "orders@shop.example"
sender_name = "The Shop"
transport = {{ type = "file", folder = "{MAIL_FOLDER}" }}

[channels.app]
platform = "push"
sender = "shop.example"
transport = {{ type = "file", folder = "{PUSH_FOLDER}" }}
"""
