"""What both clients have: the fields that bound an exchange, and those that open connections."""

import socket
import ssl
from abc import abstractmethod
from collections.abc import Callable
from datetime import timedelta
from typing import Final, Self

from attrs import define, field

from messaging_adapters.http_clients._dialling import Dialler, Dialling, Resolver, resolve
from messaging_core.arguments import Check, a, function, optional, span, whole
from messaging_core.ports.http import HttpClient

CHECKS: Final[dict[str, Check]] = {
    "timeout": span(),
    "max_answer": whole(),
    "ssl_context": optional(a(ssl.SSLContext, "an SSLContext", "use ssl.create_default_context()")),
    "idle_for": span(timedelta(0)),
    "resolve": function,
    "connect": function,
    "allows": optional(function),
}
"""The checks of these fields, beside that of `max_idle`."""


@define(eq=False, kw_only=True)
class ConnectingClient(HttpClient):
    """The fields of a client, which are described where it is; it hangs up when a block ends."""

    timeout: timedelta = timedelta(seconds=30)
    max_answer: int = 1_000_000
    ssl_context: ssl.SSLContext | None = field(default=None, repr=False)
    max_idle: int = 256
    idle_for: timedelta = timedelta(seconds=30)
    resolve: Resolver = field(default=resolve, repr=False)
    connect: Dialler = field(default=socket.create_connection, repr=False)
    allows: Callable[[str], bool] | None = field(default=None, repr=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Hang up; a request that is under way is finished first."""

    def _dialling(self) -> Dialling:
        return Dialling(self.resolve, self.connect, self.allows)
