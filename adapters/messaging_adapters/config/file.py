"""The channels, the database and the webhooks of a configuration."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from attrs import field

from messaging_adapters.asgi.access import Access
from messaging_adapters.asgi.request_rates import RateOf
from messaging_adapters.config.channels import channel_faults, channel_of, platform_faults
from messaging_adapters.config.database import SQLITE_DRIVERS, Database, database_of
from messaging_adapters.config.http import access_keys_of, http_faults, request_rate_of
from messaging_adapters.config.keys import Key, faults_of
from messaging_adapters.config.limits import Limit, limit_faults, limits_of
from messaging_adapters.config.media import MediaSettings, media_faults, media_of
from messaging_adapters.config.sandbox import is_sandboxed, sandbox_faults, sandboxed
from messaging_adapters.config.settings import Settings
from messaging_adapters.config.telemetry import TELEMETRIES
from messaging_adapters.config.toml_file import parsed
from messaging_adapters.uploads.linked import LinkedMedia
from messaging_adapters.uploads.presigned import Uploads
from messaging_adapters.uploads.source import UploadedMedia
from messaging_core.errors import ConfigurationError
from messaging_core.lazy import frozen
from messaging_core.models.common.channel import EMAIL, SMS, Channel
from messaging_core.ports.configuration import RECEIPTS, TRANSPORTS
from messaging_core.ports.receipts import ReceiptParser
from messaging_core.ports.transport import Transport, close_transports
from messaging_core.receipts.incoming_media import IncomingMedia
from messaging_core.rules.addressing.sender_pool import channel_senders

_NO_FILE: Final = Path("configuration")
"""What the errors about a mapping name instead of a file."""

_FILE: Final = {
    "database": Key(),
    "driver": Key(choices=SQLITE_DRIVERS),
    "telemetry": Key(choices=TELEMETRIES),
    "channels": Key(kind=dict, required=True),
    "webhooks": Key(kind=dict),
    "sandbox": Key(kind=dict, may_be_empty=True),
    "limits": Key(kind=dict),
    "platforms": Key(kind=dict),
    "short_link_domain": Key(),
    "http": Key(kind=dict),
    "access_keys": Key(kind=dict),
    "media": Key(kind=dict),
}


@frozen(kw_only=True)
class Config:
    """What a configuration says.

    Attributes:
        path: The file; relative paths in it start from its folder.
        database: The SQLite file, or the PostgreSQL server.
        channels: By name, in the order of the file.
        transports: The settings of the transport of each.
        webhooks: The settings of receipt parsers, by name.
        driver: The module that SQLite is called with.
        short_link_domain: The host of short links that name the domain `default`.
        public_url: What providers call the HTTP surface by.
        access_keys: What each access key of the HTTP surface allows, by its hash.
        request_rate: Returns how many requests a workspace may send; nothing without limits.
        sandbox: Whom only to reach, where the configuration says so.
        media: The settings of uploaded media, where there are some.
        limits: The limit of each channel that has one, by the name of the channel; channels
            with the same limit have the same object.
        telemetry: What traces and metrics are recorded with, if they are.
    """

    path: Path
    database: Database
    channels: Mapping[str, Channel]
    transports: Mapping[str, Settings]
    webhooks: Mapping[str, Settings] = field(factory=dict)
    driver: str = SQLITE_DRIVERS[0]
    short_link_domain: str | None = None
    public_url: str | None = None
    access_keys: Mapping[str, Access] = field(factory=dict)
    request_rate: RateOf | None = field(default=None, repr=False)
    sandbox: Mapping[str, Any] | None = None
    limits: Mapping[str, Limit] = field(factory=dict)
    media: MediaSettings | None = None
    telemetry: str | None = None

    def make_uploads(self, environment: Mapping[str, str] | None = None) -> Uploads | None:
        """Make what lets callers upload media, if the configuration has a table `media`.

        Raises:
            ConfigurationError: It cannot be made.
        """
        if self.media is None:
            return None
        store = self._make(self.media.store, "[media.store]", environment, {})
        uploads: Uploads = self._make(self.media.uploads_in(store), "[media]", environment, {})
        return uploads

    def incoming_media(
        self, uploads: Uploads | None, transports: Iterable[Transport]
    ) -> IncomingMedia | None:
        """Return where files of incoming messages are kept, if they are, with these uploads."""
        if self.media is None or uploads is None:
            return None
        return self.media.incoming_media(uploads, transports)

    def transport(
        self,
        name: str,
        environment: Mapping[str, str] | None = None,
        *,
        uploads: Uploads | None = None,
    ) -> Transport:
        """Make the transport of a channel.

        Args:
            name: That of the channel.
            environment: The variables that `${NAME}` means; by default those of the process.
            uploads: Whose files it carries; by default those of the configuration.

        Raises:
            ConfigurationError: It cannot be made, for want of a password for instance.
        """
        needs_sandbox = self.is_sandboxed(environment)
        made = self._carrier(name, environment, uploads or self.make_uploads(environment))
        if name in self.limits:
            made = self.limits[name].around(made)
        if not needs_sandbox:
            return made
        return sandboxed(made, self.sandbox, {own.platform for own in self.channels.values()})

    def _carrier(
        self, name: str, environment: Mapping[str, str] | None, uploads: Uploads | None
    ) -> Transport:
        """Make a transport that carries uploaded files, as bytes or as signed links."""
        settings, place = self.transports[name], f"[channels.{name}.transport]"
        defaults: dict[str, Any] = {}
        if uploads is not None:
            channels = [
                channel for other, channel in self.channels.items() if self._are_alike(name, other)
            ]
            defaults["media"] = UploadedMedia(uploads=uploads, channels=tuple(channels))  # type: ignore[arg-type] # mypy reads the converter `tuple` without its items
        made: Transport = self._make(settings, place, environment, defaults)
        variables = os.environ if environment is None else environment
        if uploads is None or settings.takes_media(variables):
            return made
        return LinkedMedia(made, uploads)

    def is_sandboxed(self, environment: Mapping[str, str] | None = None) -> bool:
        """Return whether only the allow-list of the sandbox is reached.

        Raises:
            ConfigurationError: The environment says neither yes nor no.
        """
        return is_sandboxed(self.sandbox, os.environ if environment is None else environment)

    def make(
        self, environment: Mapping[str, str] | None = None, *, uploads: Uploads | None = None
    ) -> tuple[dict[str, Transport], list[ReceiptParser]]:
        """Make the transports of all channels, and the receipt parsers.

        Args:
            environment: The variables that `${NAME}` means; by default those of the process.
            uploads: Whose files are carried; by default those of the configuration.

        Raises:
            ConfigurationError: Some of them cannot be made; with a line for each.
        """
        faults: list[str] = []
        transports: dict[str, Transport] = {}
        parsers: list[ReceiptParser] = []
        with _gathered(faults):
            transports = self.make_transports(environment, uploads=uploads)
        with _gathered(faults):
            parsers = self.make_webhooks(environment)
        if faults:
            close_transports(transports.values())
            raise ConfigurationError("\n".join(faults))
        return transports, parsers

    def make_transports(
        self, environment: Mapping[str, str] | None = None, *, uploads: Uploads | None = None
    ) -> dict[str, Transport]:
        """Make the transports of all channels, one for each that has settings of its own.

        Args:
            environment: The variables that `${NAME}` means; by default those of the process.
            uploads: Whose files are carried; by default those of the configuration.

        Raises:
            ConfigurationError: Some of them cannot be made; with a line for each.
        """
        faults: list[str] = []
        transports: dict[str, Transport] = {}
        with _gathered(faults):
            uploads = uploads or self.make_uploads(environment)
        for name in self.transports if not faults else ():
            same = next((other for other in transports if self._are_alike(name, other)), None)
            with _gathered(faults):
                transports[name] = (
                    transports[same] if same else self.transport(name, environment, uploads=uploads)
                )
        if faults:
            close_transports(transports.values())
            raise ConfigurationError("\n".join(faults))
        return transports

    def _are_alike(self, name: str, other: str) -> bool:
        """Return whether two channels have the same settings and the same limit."""
        limits = self.limits.get(name), self.limits.get(other)
        return self.transports[name] == self.transports[other] and limits[0] is limits[1]

    def make_webhooks(self, environment: Mapping[str, str] | None = None) -> list[ReceiptParser]:
        """Make the receipt parsers.

        Raises:
            ConfigurationError: Some of them cannot be made; with a line for each.
        """
        # Of two channels with one address the first counts, so the later one is put in before it.
        addresses = {
            sender: channel.id
            for channel in reversed(list(self.channels.values()))
            if channel.platform in {SMS, EMAIL}
            for sender in channel_senders(channel)
        }
        faults: list[str] = []
        parsers: list[ReceiptParser] = []
        for name, settings in self.webhooks.items():
            defaults = {"name": name, "channels": addresses}
            with _gathered(faults):
                parsers.append(self._make(settings, f"[webhooks.{name}]", environment, defaults))
        if faults:
            raise ConfigurationError("\n".join(faults))
        return parsers

    def _make(
        self,
        settings: Settings,
        place: str,
        environment: Mapping[str, str] | None,
        defaults: Mapping[str, Any],
    ) -> Any:
        try:
            return settings.make(
                folder=self.path.parent,
                environment=os.environ if environment is None else environment,
                channels={name: channel.id for name, channel in self.channels.items()},
                defaults=defaults,
            )
        except ConfigurationError as error:
            raise ConfigurationError(f"{self.path}: {place} {error}") from error


@contextmanager
def _gathered(faults: list[str]) -> Iterator[None]:
    """Add what is raised to the faults, so that all of them are shown together."""
    try:
        yield
    except ConfigurationError as error:
        faults.append(str(error))


def load_config(source: str | os.PathLike[str] | Mapping[str, Any]) -> Config:
    """Read a configuration: a TOML file, or the same as a mapping.

    A secret may stand in a mapping. In a file it may only stand in a DSN, and an environment
    variable is better there too.

    Raises:
        ConfigurationError: The file is missing, or with one line for each fault in it.
    """
    if isinstance(source, Mapping):
        return _config(_NO_FILE, source, is_file=False)
    path = Path(source)
    return _config(path, parsed(path), is_file=True)


def _config(path: Path, data: Mapping[str, Any], *, is_file: bool) -> Config:
    if faults := [f"{path}: {fault}" for fault in _faults(data, in_file=is_file)]:
        raise ConfigurationError("\n".join(faults))
    tables, platforms = data["channels"], data.get("platforms", {})
    return Config(
        path=path,
        database=database_of(data.get("database", "messages.db"), path.parent),
        driver=data.get("driver", SQLITE_DRIVERS[0]),
        sandbox=data.get("sandbox"),
        limits=_limits(data),
        channels={name: channel_of(name, table, platforms) for name, table in tables.items()},
        transports={
            name: Settings(group=TRANSPORTS, given=table["transport"], in_file=is_file)
            for name, table in tables.items()
        },
        webhooks={
            name: Settings(group=RECEIPTS, given=given, in_file=is_file)
            for name, given in data.get("webhooks", {}).items()
        },
        short_link_domain=data.get("short_link_domain"),
        public_url=data.get("http", {}).get("public_url"),
        access_keys=access_keys_of(data.get("access_keys", {})),
        media=media_of(data, in_file=is_file),
        request_rate=request_rate_of(data.get("http", {})),
        telemetry=data.get("telemetry"),
    )


def _limits(data: Mapping[str, Any]) -> dict[str, Limit]:
    limits = limits_of(data)
    return {
        name: limits[table["limit"]] for name, table in data["channels"].items() if "limit" in table
    }


def _faults(data: Mapping[str, Any], *, in_file: bool) -> Iterator[str]:
    yield from faults_of(data, _FILE)
    yield from http_faults(data)
    yield from limit_faults(data)
    yield from media_faults(data, in_file=in_file)
    platforms = dict(_tables(data, "platforms"))
    sound = {
        name: table for name, table in platforms.items() if not any(platform_faults(name, table))
    }
    for name, table in _tables(data, "channels"):
        for fault in channel_faults(name, table, sound, data["channels"]):
            yield f"[channels.{name}] {fault}"
        transport = table.get("transport") if isinstance(table, dict) else None
        if isinstance(transport, str | dict) and transport:
            settings = Settings(group=TRANSPORTS, given=transport, in_file=in_file)
            for fault in settings.faults(table.get("platform", "")):
                yield f"[channels.{name}.transport] {fault}"
    for name, table in platforms.items():
        for fault in platform_faults(name, table):
            yield f"[platforms.{name}] {fault}"
    tables = [table for _, table in _tables(data, "channels") if isinstance(table, dict)]
    used = {str(table.get("platform")) for table in tables}
    yield from (f"[sandbox] {fault}" for fault in sandbox_faults(data.get("sandbox"), used))
    for name, given in _tables(data, "webhooks"):
        if not isinstance(given, str | dict):
            yield f"[webhooks.{name}] must be a table or a DSN in quotes"
            continue
        for fault in Settings(group=RECEIPTS, given=given, in_file=in_file).faults():
            yield f"[webhooks.{name}] {fault}"


def _tables(data: Mapping[str, Any], key: str) -> list[tuple[str, Any]]:
    tables = data.get(key)
    return list(tables.items()) if isinstance(tables, dict) else []
