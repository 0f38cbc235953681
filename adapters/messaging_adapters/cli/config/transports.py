"""Transports as the configuration file describes them."""

import os
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from messaging_adapters.cli.config.keys import Key, faults_of
from messaging_adapters.transports.development.console import ConsoleTransport
from messaging_adapters.transports.development.file import FileTransport
from messaging_adapters.transports.email.smtp import SmtpTransport
from messaging_core.errors import ConfigurationError
from messaging_core.models.common.channel import EMAIL
from messaging_core.ports.media import MediaSource
from messaging_core.ports.transport import Transport

PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}
"""The usual port for each way to encrypt."""

_TYPE: Final = {"type": Key(choices=("smtp", "file", "console"), required=True)}
_KEYS: Final[Mapping[str, Mapping[str, Key]]] = {
    "smtp": _TYPE
    | {
        "host": Key(required=True),
        "port": Key(kind=int, least=1, most=65535),
        "security": Key(choices=tuple(PORTS)),
        "username": Key(),
        "password_env": Key(),
        "timeout": Key(kind=int, least=1, most=3600),
        "fetch_media": Key(kind=bool),
    },
    "file": _TYPE | {"folder": Key(required=True), "fetch_media": Key(kind=bool)},
    "console": _TYPE,
}

_NO_SECRETS: Final = (
    "password: never write a secret into this file; write password_env, the name of the "
    "environment variable that holds it"
)


def transport_faults(table: Mapping[str, Any], platform: str) -> Iterator[str]:
    """Yield what is wrong with a transport table of a channel on this platform."""
    kind = table.get("type")
    keys = _KEYS.get(kind) if isinstance(kind, str) else None
    if keys is None:
        # Which keys are right depends on the type, so nothing can be said about them.
        yield from faults_of({"type": kind} if "type" in table else {}, _TYPE)
        return
    if "password" in table:
        yield _NO_SECRETS
    yield from faults_of({key: table[key] for key in table if key != "password"}, keys)
    if kind == "smtp" and platform != EMAIL:
        yield f'type: smtp carries email only, and the platform is "{platform}"'
    if ("username" in table) != ("password_env" in table):
        yield "username and password_env: give both or neither"


def transport_of(table: Mapping[str, Any], folder: Path) -> Transport:
    """Make the transport of a table without faults.

    Args:
        table: As in the file.
        folder: What relative paths start from.

    Raises:
        ConfigurationError: A password is not in the environment, or the transport refuses its
            settings.
    """
    return _BUILDERS[table["type"]](table, folder)


def _smtp(table: Mapping[str, Any], _folder: Path) -> Transport:
    security = table.get("security", "starttls")
    return SmtpTransport(
        table["host"],
        table.get("port", PORTS[security]),
        security=security,
        username=table.get("username"),
        password=_secret(table["password_env"]) if "password_env" in table else None,
        timeout=timedelta(seconds=table.get("timeout", 60)),
        media=_media(table),
    )


def _file(table: Mapping[str, Any], folder: Path) -> Transport:
    return FileTransport(folder / table["folder"], media=_media(table))


def _console(_table: Mapping[str, Any], _folder: Path) -> Transport:
    return ConsoleTransport()


def _media(table: Mapping[str, Any]) -> MediaSource | None:
    if not table.get("fetch_media"):
        return None
    from messaging_adapters.media.http import HttpMediaSource  # noqa: PLC0415 - needs an extra

    return HttpMediaSource()


def _secret(variable: str) -> str:
    value = os.environ.get(variable)
    if not value:
        raise ConfigurationError(
            f"password_env: the environment has no variable {variable}; set it: export {variable}=…"
        )
    return value


_BUILDERS: Final[Mapping[str, Callable[[Mapping[str, Any], Path], Transport]]] = {
    "smtp": _smtp,
    "file": _file,
    "console": _console,
}
