"""The settings of the app, as `settings.py` has them.

- `MESSAGING`: the path of a TOML file, or a mapping with the same keys; required.
- `MESSAGING_DATABASE`: the alias in `DATABASES` whose connection is used; "default".
- `MESSAGING_OPTIONS`: further arguments of `Messenger`, such as `send_rules`, or the dotted path of
  a function that returns them.
- `MESSAGING_EMAIL_CHANNEL`: the channel of Django's own mails; the only one of email, or the one
  that sends from the domain of the mail.
"""

import os
from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS
from django.utils.module_loading import import_string

from messaging_adapters.config.file import Config, load_config
from messaging_core.errors import ConfigurationError

OF_THE_MESSENGER: Final = ("MESSAGING", "MESSAGING_DATABASE", "MESSAGING_OPTIONS")
"""The settings that the messenger is made of; the others are read when they are needed."""

Source = str | os.PathLike[str] | Mapping[str, Any]


def source() -> Source:
    """Return the configuration.

    Raises:
        ConfigurationError: There is none.
    """
    given: Source | None = getattr(settings, "MESSAGING", None)
    if given is None:
        raise ConfigurationError(
            "settings.MESSAGING is missing: give the path of a TOML file, or a mapping such as"
            ' {"channels": {"orders": {"platform": "sms", "sender": "Shop", "transport":'
            ' {"type": "console"}}}}'
        )
    return given


def config() -> Config:
    """Return the configuration, read; no transport is made, so that no secret is needed.

    Raises:
        ConfigurationError: It is missing, or with a line for each fault.
    """
    return load_config(source())


def database() -> str:
    """Return the alias of the database."""
    return str(getattr(settings, "MESSAGING_DATABASE", DEFAULT_DB_ALIAS))


def options() -> dict[str, Any]:
    """Return the further arguments of `Messenger`.

    Raises:
        ConfigurationError: The setting is neither a mapping nor the path of a function.
    """
    given = getattr(settings, "MESSAGING_OPTIONS", {})
    if isinstance(given, str):
        try:
            given = import_string(given)()
        except ImportError as error:
            raise ConfigurationError(f"settings.MESSAGING_OPTIONS: {error}") from error
    if not isinstance(given, Mapping):
        raise ConfigurationError(
            "settings.MESSAGING_OPTIONS must be a mapping of arguments, or the dotted path of a"
            " function that returns one"
        )
    return dict(given)


def email_channel() -> str | None:
    """Return the name of the channel that Django's own mails take, if the setting names one."""
    return getattr(settings, "MESSAGING_EMAIL_CHANNEL", None)
