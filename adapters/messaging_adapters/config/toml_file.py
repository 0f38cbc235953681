"""Reads the TOML of a configuration."""

import tomllib
from pathlib import Path
from typing import Any, Final

from messaging_core.errors import ConfigurationError

EXAMPLE: Final = """\
database = "messages.db"

[channels.support]
platform = "email"
sender = "support@shop.example"
sender_name = "The Shop"
message_type = "conversational"

[channels.support.transport]
type = "file"              # into a folder, to try things out; "smtp" sends
folder = "outbox"

# [channels.support.transport]
# type = "smtp"
# host = "mail.shop.example"
# username = "support"
# password_env = "SMTP_PASSWORD"   # the name of a variable, never the secret itself

# The same in a line:
# transport = "smtp+starttls://support:${SMTP_PASSWORD}@mail.shop.example"
"""
"""A configuration that works as it is."""


def parsed(path: Path) -> dict[str, Any]:
    """Return what a file says.

    Raises:
        ConfigurationError: It is missing, or no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        hint = f"there is no {path}; it describes your channels. One to start from:"
        raise ConfigurationError(f"{hint}\n\n{EXAMPLE}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path}: this is not TOML: {error}") from error
    except RecursionError:  # of the parser, in brackets by the hundred
        raise ConfigurationError(f"{path}: this is nested too deep; write plain tables") from None
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: this is not UTF-8 text") from error
