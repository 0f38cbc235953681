"""A messenger made of the configuration file and the options of a command."""

from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from messaging_adapters.cli.usage import UsageError
from messaging_adapters.config.database import AnyStorage, Database, open_storage
from messaging_adapters.config.file import Config, load_config
from messaging_adapters.config.keys import near
from messaging_adapters.config.sandbox import start_sandboxes
from messaging_adapters.config.telemetry import make_telemetry
from messaging_adapters.uploads.presigned import Uploads
from messaging_core.errors import UnknownChannelError
from messaging_core.lazy import frozen
from messaging_core.messenger import Messenger
from messaging_core.models.common.channel import Channel
from messaging_core.models.delivery.outcome import Outcome
from messaging_core.models.messages.envelope import Envelope
from messaging_core.ports.telemetry import Telemetry
from messaging_core.ports.transport import Capabilities, Handoff, Transport, close_transports

CONFIG: Final = Path("messaging.toml")


@frozen(kw_only=True)
class Engine:
    """What a command works with."""

    config: Config
    storage: AnyStorage
    messenger: Messenger

    def channel(self, name: str) -> Channel:
        """Return a channel by its name.

        Raises:
            UsageError: There is none; asks for the one that was meant.
        """
        try:
            return self.messenger.channel(name)
        except UnknownChannelError as error:
            raise UsageError(no_channel(name, error.names)) from None

    def name_of(self, channel: object) -> str:
        """Return the name of a channel by its id, or the id where it is not configured."""
        return next(
            (name for name, candidate in self.config.channels.items() if candidate.id == channel),
            str(channel),
        )


class Undelivered(Transport):
    """Stand where no command delivers, so that none needs a password."""

    name = "undelivered"
    capabilities = Capabilities()

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        raise NotImplementedError


def no_channel(name: str, names: Sequence[str]) -> str:
    """Return what to say of a channel that is not configured."""
    return f'no channel "{name}"{near(name, names)}; there are: {", ".join(names) or "none"}'


@contextmanager
def sending_engine(options: Namespace) -> Iterator[Engine]:
    """Open the database, which is made when it is not there, and the transports."""
    config = load_config(options.config or CONFIG)
    with ExitStack() as stack:
        uploads = config.make_uploads()
        if uploads is not None:
            stack.callback(uploads.close)
        transports = config.make_transports(uploads=uploads)
        stack.callback(close_transports, transports.values())
        path = options.database or config.database
        telemetry = make_telemetry(config.telemetry)
        yield stack.enter_context(
            _engine(options, config, path, transports, uploads, telemetry=telemetry)
        )


@contextmanager
def looking_engine(options: Namespace) -> Iterator[Engine]:
    """Open a database that is there already; with `--database` no configuration is needed."""
    config = config_if_any(options)
    path = options.database or config.database
    check_exists(path)
    with _engine(options, config, path, {}) as engine:
        yield engine


@contextmanager
def planning_engine(options: Namespace) -> Iterator[Engine]:
    """Open the database if there is one, and none is made."""
    config = load_config(options.config or CONFIG)
    path = options.database or config.database
    with _engine(options, config, path if path.exists() else Path(":memory:"), {}) as engine:
        yield engine


@contextmanager
def viewing_engine(options: Namespace) -> Iterator[Engine]:
    """Open the database, which is made when it is not there, and no transports."""
    config = config_if_any(options)
    with _engine(options, config, options.database or config.database, {}) as engine:
        yield engine


def check_exists(database: Database) -> None:
    """Raise UsageError where there is no such database: its name may have a typing error."""
    if not database.exists():
        raise UsageError(f"there is no database {database} yet: messaging send makes it")


@contextmanager
def _engine(  # noqa: PLR0913 - what differs between the commands
    options: Namespace,
    config: Config,
    database: Database,
    transports: dict[str, Transport],
    uploads: Uploads | None = None,
    *,
    telemetry: Telemetry | None = None,
) -> Iterator[Engine]:
    with open_storage(database, config.driver) as storage:
        messenger = Messenger(
            storage=storage,
            channels={
                channel: transports.get(name, Undelivered())
                for name, channel in config.channels.items()
            },
            clock=options.clock,
            short_link_domain=config.short_link_domain,
            media_check=uploads,
            incoming_media=config.incoming_media(uploads, transports.values()),
            telemetry=telemetry,
        )
        start_sandboxes(messenger, transports.values())
        yield Engine(config=config, storage=storage, messenger=messenger)


def config_if_any(options: Namespace) -> Config:
    """Return the configuration; with `--database` none is needed."""
    path = options.config or CONFIG
    if options.database and not options.config and not path.exists():
        return Config(path=path, database=options.database, channels={}, transports={})
    return load_config(path)
