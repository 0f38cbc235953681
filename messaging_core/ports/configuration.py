"""How a configuration file makes an adapter of one type."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from attrs import field

from messaging_core.errors import ConfigurationError
from messaging_core.lazy import frozen

TRANSPORTS: Final = "messaging_core.transports"
"""Entry points that make transports, by the `type` that a configuration names."""

RECEIPTS: Final = "messaging_core.receipts"
"""Entry points that make receipt parsers, by the `type` that a configuration names."""

MEDIA_STORES: Final = "messaging_core.media_stores"
"""Entry points that make stores of media, by the `type` that a configuration names."""

CONFIGURATION: Final = "messaging_core.configuration"
"""The entry point that makes a messenger from a configuration."""


@frozen(kw_only=True)
class AdapterType:
    """Say how a transport, a receipt parser or a store of media is made from named options.

    The parameters of `make` are the options: text, numbers, true or false, durations in seconds,
    paths, enumerations, and lists of text. A parameter of another kind is no option. An entry
    point in the group `TRANSPORTS`, `RECEIPTS` or `MEDIA_STORES` names such a value, or the class
    alone:

    ```toml
    [project.entry-points."messaging_core.transports"]
    pager = "pager_transport:PAGER"
    ```

    Attributes:
        make: The class, or a function.
        secrets: Options that are secrets: no error shows them, and a file must name an
            environment variable instead.
        username: The option that the user of a DSN gives: `type://username:password@host`.
        password: The option that its password gives.
        host: The option that its host gives; a DSN without this one has none.
        path: The option that its path gives.
        variants: What `type+variant` as the scheme of a DSN sets.
        platforms: What a transport carries; nothing for every platform.
        together: Options of which all are given, or none.
        complete: Adds options that follow from others.
    """

    make: Callable[..., Any]
    secrets: frozenset[str] = frozenset({"password"})
    username: str | None = "username"
    password: str | None = "password"  # noqa: S105 - the name of an option
    host: str | None = "host"
    path: str | None = None
    variants: Mapping[str, Mapping[str, Any]] = field(factory=dict)
    platforms: frozenset[str] | None = None
    together: Collection[Collection[str]] = ()
    complete: Callable[[dict[str, Any]], dict[str, Any]] = dict


def configured_by(source: Any, **options: Any) -> Any:
    """Call the function that the entry point for configurations names.

    Raises:
        ConfigurationError: No installed package reads configurations.
    """
    from importlib.metadata import entry_points  # noqa: PLC0415 - it loads half of `email`

    for point in entry_points(group=CONFIGURATION):
        return point.load()(source, **options)
    raise ConfigurationError(
        "no installed package reads configurations; install ours: pip install messaging-engine"
    )
