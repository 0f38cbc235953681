"""The channels and the database of the command line, out of a TOML file."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from messaging_adapters.cli.config.keys import Key, faults_of, near
from messaging_adapters.cli.config.transports import transport_faults, transport_of
from messaging_core.errors import ConfigurationError
from messaging_core.lazy import frozen
from messaging_core.models.common.channel import EMAIL, PUSH, SMS, Channel, MessageType, WhenInDoubt
from messaging_core.ports.transport import Transport
from messaging_core.rules.addressing.channel import check_channel

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
"""
"""A configuration that works as it is."""

_FILE: Final = {"database": Key(), "channels": Key(kind=dict, required=True)}
_CHANNEL: Final = {
    "platform": Key(required=True),
    "sender": Key(),
    "sender_name": Key(),
    "message_type": Key(choices=tuple(MessageType)),
    "active": Key(kind=bool),
    "mms": Key(kind=bool),
    "smart_encoding": Key(kind=bool),
    "max_parts": Key(kind=int),
    "when_in_doubt": Key(choices=tuple(WhenInDoubt)),
    "identifier_key": Key(),
    "allow_unassigned_numbers": Key(kind=bool),
    "unsubscribe_url": Key(),
    "unsubscribe_mailto": Key(),
    "id": Key(),
    "transport": Key(kind=dict, required=True),
}


@frozen(kw_only=True)
class Config:
    """What a configuration file says.

    Attributes:
        path: The file; relative paths in it start from its folder.
        database: The SQLite file.
        channels: By name, in the order of the file.
        transports: The transport table of each.
    """

    path: Path
    database: Path
    channels: Mapping[str, Channel]
    transports: Mapping[str, Mapping[str, Any]]

    def transport(self, name: str) -> Transport:
        """Make the transport of a channel.

        Raises:
            ConfigurationError: It cannot be made, for want of a password for instance.
        """
        try:
            return transport_of(self.transports[name], self.path.parent)
        except ConfigurationError as error:
            fault = f"{self.path}: [channels.{name}.transport] {error}"
            raise ConfigurationError(fault) from error


def load_config(path: Path) -> Config:
    """Read a configuration file.

    Raises:
        ConfigurationError: The file is not there, or with one line for each fault in it.
    """
    data = _parsed(path)
    if faults := [f"{path}: {fault}" for fault in _faults(data)]:
        raise ConfigurationError("\n".join(faults))
    tables = data["channels"]
    return Config(
        path=path,
        database=path.parent / data.get("database", "messages.db"),
        channels={name: _channel(name, table) for name, table in tables.items()},
        transports={name: table["transport"] for name, table in tables.items()},
    )


def _parsed(path: Path) -> dict[str, Any]:
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


def _faults(data: Mapping[str, Any]) -> Iterator[str]:
    yield from faults_of(data, _FILE)
    tables = data.get("channels")
    for name, table in (tables if isinstance(tables, dict) else {}).items():
        for fault in _channel_faults(name, table):
            yield f"[channels.{name}] {fault}"
        transport = table.get("transport") if isinstance(table, dict) else None
        if isinstance(transport, dict) and transport:
            for fault in transport_faults(transport, table.get("platform", "")):
                yield f"[channels.{name}.transport] {fault}"


def _channel_faults(name: str, table: Any) -> Iterator[str]:
    if not isinstance(table, dict):
        yield f"must be a table, with keys such as platform and sender: write [channels.{name}]"
        return
    faults = list(faults_of(table, _CHANNEL))
    yield from faults or _rule_faults(name, table)


def _rule_faults(name: str, table: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the engine itself would say about the channel."""
    platform = table["platform"]
    if platform not in {SMS, EMAIL, PUSH} and (question := near(platform, (SMS, EMAIL, PUSH))):
        yield f'platform: "{platform}" is not one of {SMS}, {EMAIL}, {PUSH}{question}'
        return
    try:
        channel = _channel(name, table)
    except ValueError:
        yield f'id: "{table["id"]}" is not a UUID'
        return
    for violation in check_channel(channel):
        key = re.sub("[A-Z]", lambda match: f"_{match[0].lower()}", violation.path[1:])
        yield f"{key}: {violation.message}"


def _channel(name: str, table: Mapping[str, Any]) -> Channel:
    fields = {key: value for key, value in table.items() if key not in {"transport", "id"}}
    if "id" in table:
        fields["id"] = UUID(table["id"])
    return Channel(name=name, **fields)
