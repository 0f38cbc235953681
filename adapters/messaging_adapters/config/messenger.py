"""A messenger made of a configuration."""

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any, Final, TypeVar

from messaging_adapters.config.database import open_storage
from messaging_adapters.config.file import Config, load_config
from messaging_adapters.config.sandbox import start_sandboxes
from messaging_adapters.config.telemetry import make_telemetry
from messaging_adapters.uploads.presigned import Uploads
from messaging_core.arguments import refuse
from messaging_core.messenger import Messenger
from messaging_core.ports.storage.transaction import Storage
from messaging_core.ports.transport import close_transports

_IN_CODE: Final = (
    "the configuration gives the channels; to wrap or add transports, write"
    " config = load_config(…) and Messenger(channels=…) over config.make_transports()"
)

M = TypeVar("M", bound=Messenger)


def messenger_from(
    source: str | os.PathLike[str] | Mapping[str, Any],
    *,
    storage: Storage | None = None,
    environment: Mapping[str, str] | None = None,
    make: Callable[..., M] = Messenger,  # type: ignore[assignment] # a default of a type variable
    **options: Any,
) -> M:
    """Make a messenger with the storage, channels, transports and webhooks of a configuration.

    Channels with equal settings share one transport, and so its connections. With a table `media`
    transports carry uploaded files, and `send` refuses a URL that nothing was uploaded to.
    With `incoming` in it, the files of incoming messages are kept, too.

    Args:
        source: The path of a TOML file, or the same as a mapping.
        storage: Used instead of the database of the configuration.
        environment: The variables that `${NAME}` means; by default those of the process.
        make: `Messenger`, or a class below it.
        options: Further arguments of `Messenger`, without `channels`.

    Raises:
        ArgumentError: `channels` is given.
        ConfigurationError: The file is missing, with one line for each fault in it; or a variable
            or a package is missing.
    """
    if "channels" in options:
        raise refuse("channels", "left out", options["channels"], _IN_CODE)
    config = load_config(source)
    variables = os.environ if environment is None else environment
    with ExitStack() as made:  # closes what was made, if the rest fails
        uploads = _uploads(config, options, variables)
        transports, parsers = config.make(variables, uploads=uploads)
        made.callback(close_transports, transports.values())
        options.setdefault("media_check", uploads)
        options.setdefault("incoming_media", config.incoming_media(uploads, transports.values()))
        options.setdefault("short_link_domain", config.short_link_domain)
        options.setdefault("receipt_parsers", parsers)
        if "telemetry" not in options:
            options["telemetry"] = make_telemetry(config.telemetry)
        own = storage
        if own is None:
            opened = open_storage(config.database, config.driver, variables)
            made.callback(opened.close)
            own = opened
        channels = {config.channels[name]: transport for name, transport in transports.items()}
        messenger = make(storage=own, channels=channels, **options)
        start_sandboxes(messenger, transports.values())
        made.pop_all()
    return messenger


def _uploads(
    config: Config, options: Mapping[str, Any], variables: Mapping[str, str]
) -> Uploads | None:
    """Return the uploads that the host passes, or those of the configuration."""
    given = options.get("media_check")
    return given if isinstance(given, Uploads) and config.media else config.make_uploads(variables)
