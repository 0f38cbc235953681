"""The command that writes a first configuration."""

from argparse import Namespace
from typing import Final

from messaging_adapters.cli.config.engine import CONFIG
from messaging_adapters.cli.output.screen import Screen
from messaging_adapters.cli.usage import UsageError

_TEXT: Final = """\
# Channels and where their messages are stored. Relative paths start from the folder of this file.
# Secrets do not belong here: a key that ends in _env names an environment variable instead.

database = "messages.db"                 # SQLite; made by the first command that sends

[channels.sms]
platform = "sms"
sender = "The Shop"
transport = { type = "console" }         # prints each message instead of sending it

[channels.email]
platform = "email"
sender = "shop@shop.example"
sender_name = "The Shop"
transport = { type = "file", folder = "outbox" }    # writes .eml files instead of sending

# To send email for real, replace the transport of [channels.email] by your mail server:
#
# [channels.email.transport]
# type = "smtp"
# host = "mail.shop.example"
# username = "shop"
# password_env = "SMTP_PASSWORD"

# `messaging serve` answers HTTP. It needs the extra `asgi`, and a key: messaging keys create NAME
#
# [http]
# public_url = "https://shop.example"
# requests_per_second = 500              # of each workspace

# Callers can upload attachments to `messaging serve`:
#
# [media]
# store = "folder:media"
# secret_env = "MEDIA_SECRET"            # 16 characters or more
# base_url = "https://shop.example/messaging"
"""


def init(options: Namespace) -> int:
    """Write a configuration that works as it is; a file that exists stays as it was."""
    path = options.config or CONFIG
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(_TEXT)
    except FileExistsError:
        raise UsageError(f"{path} exists, and is never overwritten: give --config FILE") from None
    Screen().line(f"{path} is written; check it with: messaging check")
    return 0
