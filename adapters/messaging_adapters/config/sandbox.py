"""The sandbox of a configuration, and the environment variable that switches it."""

import logging
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

from messaging_adapters.config.keys import Key, faults_of
from messaging_adapters.transports.composition.sandbox import Sandbox
from messaging_adapters.transports.development.console import ConsoleTransport
from messaging_core.errors import ArgumentError, ConfigurationError
from messaging_core.messenger import Messenger
from messaging_core.ports.transport import Transport

VARIABLE: Final = "MESSAGING_SANDBOX"
"""Switches the sandbox of every configuration."""

_log = logging.getLogger(__name__)

_SWITCHES: Final = {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False}
_BY_PLATFORM: Final = ': write redirect_to = { email = "qa@shop.example" }'
_KEYS: Final = {
    "allow": Key(kind=list, may_be_empty=True),
    "redirect_to": Key(kind=dict),
    "slow_for": Key(kind=timedelta),
}


def sandbox_faults(table: Any, platforms: Collection[str]) -> Iterator[str]:
    """Yield everything that is wrong with the table of the sandbox.

    Args:
        table: What the configuration says.
        platforms: Those of the channels.
    """
    if not isinstance(table, dict):  # absent, or a fault of the whole file
        return
    faults = list(faults_of(table, _KEYS))
    if isinstance(table.get("redirect_to"), str):  # right in code, where there is one transport
        faults = [fault + _BY_PLATFORM * ("redirect_to:" in fault) for fault in faults]
    yield from faults
    if not faults:
        try:
            _sandbox(ConsoleTransport(), table, platforms)
        except ArgumentError as error:
            yield str(error)


def is_sandboxed(table: Mapping[str, Any] | None, environment: Mapping[str, str]) -> bool:
    """Return whether only an allow-list is reached.

    A configuration with the table asks for it, and so does the variable. Only `off`, which a
    production system has to say, overrules the table.

    Args:
        table: That of the sandbox, if there is one.
        environment: Looked at before the environment of the process.

    Raises:
        ConfigurationError: The variable is neither `on` nor `off`. An empty one may be a mistake
            of a deployment, which must not send to everyone.
    """
    value = environment.get(VARIABLE, os.environ.get(VARIABLE))
    if value is None:
        return table is not None
    if value.strip().lower() not in _SWITCHES:
        raise ConfigurationError(
            f"the environment variable {VARIABLE} must be on or off: set {VARIABLE}=on in staging,"
            f" and {VARIABLE}=off in production"
        )
    return _SWITCHES[value.strip().lower()]


def reach_of(table: Mapping[str, Any] | None) -> str:
    """Say who is reached while the sandbox is on."""
    if table and table.get("allow"):
        return "only its allow-list is reached"
    what = "redirected or recorded" if table and table.get("redirect_to") else "recorded"
    return f"no address is allowed, every message is {what}"


def sandboxed(
    transport: Transport, table: Mapping[str, Any] | None, platforms: Collection[str]
) -> Sandbox:
    """Return a transport that reaches only the allow-list of a table, or no address."""
    _log.warning(
        "the sandbox is on for transport %s: %s; in production set %s=off",
        transport.name,
        reach_of(table),
        VARIABLE,
    )
    return _sandbox(transport, table or {}, platforms)


def start_sandboxes(messenger: Messenger, transports: Iterable[Transport]) -> None:
    """Let simulated receivers report to a messenger."""
    for transport in transports:
        if isinstance(transport, Sandbox):
            transport.report_to(messenger.receive)


def _sandbox(transport: Transport, table: Mapping[str, Any], platforms: Collection[str]) -> Sandbox:
    return Sandbox(transport, platforms=platforms, **table)
