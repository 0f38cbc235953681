"""Settings in one line: `type+variant://username:password@host:port/path?option=value`."""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from messaging_adapters.config.keys import Key
from messaging_core.errors import ConfigurationError
from messaging_core.ports.configuration import AdapterType

_FORM: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9.+-]*):"
    r"(?://(?:(?P<user>[^/?#]*)@)?(?P<host>\[[^\]]*\]|[^/?#:@]*)(?::(?P<port>[^/?#]*))?)?"
    r"(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?"
)
_EXPECTED: Final = "write type://username:password@host:port?option=value"
_ESCAPES: Final = "in a password write %3F for ?, %2F for /, %23 for # and %40 for @"
_SWITCHES: Final = {"true": True, "1": True, "false": False, "0": False}


def type_of_dsn(dsn: str) -> str:
    """Return the type of adapter that a DSN is for.

    Raises:
        ConfigurationError: It is no DSN.
    """
    return _matched(dsn)["scheme"].lower().partition("+")[0]


def table_of_dsn(dsn: str, adapter: AdapterType, options: Mapping[str, Key]) -> dict[str, Any]:
    """Return the options that a DSN gives.

    Raises:
        ConfigurationError: It is no DSN, or a part of it means nothing to this adapter. No error
            shows a part that may be a secret.
    """
    match = _matched(dsn)
    table = dict(_variant(match["scheme"], adapter))
    for part, option, text in _parts(match, adapter):
        if option is None:
            raise ConfigurationError(f"this type has no {part} in its DSN; {_EXPECTED}")
        table[option] = _read(unquote(text), options.get(option))
    query = match["query"] or ""
    for name, text in parse_qsl(query, keep_blank_values=True):
        if "@" in query and name not in options:
            # What looks like an option may be the rest of a password.
            raise ConfigurationError(f"this is no DSN: {_EXPECTED}; {_ESCAPES}")
        if name in table:
            raise ConfigurationError(f"{name}: given twice in the DSN")
        table[name] = _read(text, options.get(name))
    return table


def _matched(dsn: str) -> re.Match[str]:
    match = _FORM.fullmatch(dsn)
    if match is None:
        raise ConfigurationError(f"this is no DSN: {_EXPECTED}")
    return match


def _variant(scheme: str, adapter: AdapterType) -> Mapping[str, Any]:
    _, plus, variant = scheme.lower().partition("+")
    if not plus:
        return {}
    if variant not in adapter.variants:
        allowed = ", ".join(f"+{name}" for name in adapter.variants) or "none"
        raise ConfigurationError(f"unknown variant of the type in the DSN; allowed: {allowed}")
    return adapter.variants[variant]


def _parts(match: re.Match[str], adapter: AdapterType) -> list[tuple[str, str | None, str]]:
    """Return each part that is given, with the option that it means."""
    user, colon, password = (match["user"] or "").partition(":")
    parts = [
        ("user", adapter.username, user),
        ("password", adapter.password if colon else None, password),
        ("host", adapter.host, (match["host"] or "").strip("[]")),
        ("port", "port" if adapter.host else None, match["port"] or ""),
        ("path", adapter.path, match["path"] if adapter.path else match["path"].strip("/")),
    ]
    return [part for part in parts if part[2]]


def _read(text: str, key: Key | None) -> Any:
    """Return what a text means for an option; what cannot be read stays text, and is a fault."""
    if key is None:
        return text
    if key.kind is bool:
        return _SWITCHES.get(text.lower(), text)
    if key.kind is list:
        return text.split(",")
    for number in key.numbers:
        try:
            return number(text)
        except ValueError:
            continue
    return text
