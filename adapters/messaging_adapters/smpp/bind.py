"""Logging in at a message centre (SMPP 3.4 §4.1)."""

import ssl
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from attrs import field, frozen

from messaging_adapters.smpp.pdu import Bind, Command, Pdu, Status
from messaging_adapters.smpp.session import Session, Terms
from messaging_adapters.smpp.wire import Wire

_VERSION: Final = 0x34


class BindMode(StrEnum):
    """Choose what a session may do: send and receive, or one of them."""

    TRANSCEIVER = "transceiver"
    TRANSMITTER = "transmitter"
    RECEIVER = "receiver"


_COMMANDS: Final = {
    BindMode.TRANSCEIVER: Command.BIND_TRANSCEIVER,
    BindMode.TRANSMITTER: Command.BIND_TRANSMITTER,
    BindMode.RECEIVER: Command.BIND_RECEIVER,
}


class BindRefusedError(Exception):
    """The message centre is there and refused the login.

    Attributes:
        status: Its `command_status`.
    """

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@frozen(kw_only=True)
class Account:
    """Where and as whom to log in."""

    host: str
    port: int
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    mode: BindMode
    system_id: str
    password: str = field(repr=False)
    system_type: str = ""

    def request(self) -> Pdu:
        """Return the request that logs in."""
        body = Bind(
            system_id=self.system_id.encode("ascii"),
            password=self.password.encode("ascii"),
            system_type=self.system_type.encode("ascii"),
            interface_version=_VERSION,
        )
        return Pdu(command=_COMMANDS[self.mode], body=body)


def open_session(
    account: Account,
    terms: Terms,
    *,
    on_message: Callable[[Session, Pdu], None],
    on_end: Callable[[], None],
) -> Session:
    """Connect and log in.

    Raises:
        OSError: The centre is not there, or does not answer.
        BindRefusedError: It refused the login.
    """
    wire = Wire.open(account.host, account.port, timeout=terms.timeout, tls=account.tls)
    session = Session(wire, terms, on_message=on_message, on_end=on_end)
    try:
        status = session.call(account.request()).status
    except BaseException:
        session.drop()
        raise
    if status != Status.OK:
        session.drop()
        raise BindRefusedError(status)
    return session
