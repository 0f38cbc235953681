"""From the name of a host to a connection with one of its addresses."""

import socket
from collections.abc import Callable, Sequence

from messaging_adapters.http_clients._deadline import Deadline
from messaging_core.errors import HttpError
from messaging_core.lazy import frozen
from messaging_core.ports.http import HttpFault

Resolver = Callable[[str, int], Sequence[str]]
"""Turn a host name and port into all its addresses, or raise `OSError`."""

Dialler = Callable[[tuple[str, int], float], socket.socket]
"""Connect to an address and port within some seconds, or raise `OSError`."""


@frozen
class Dialling:
    """Resolve a name once, and connect to one of the addresses that were checked.

    Attributes:
        resolve: Looks names up.
        connect: Opens connections.
        allows: Says whether an address may be connected to; all addresses of a host must be.
    """

    resolve: Resolver
    connect: Dialler
    allows: Callable[[str], bool] | None = None

    def __call__(self, host: str, port: int, deadline: Deadline) -> socket.socket:
        """Return a connection, with the rest of the time as its time-out."""
        *others, last = self._addresses(host, port)
        for address in others:
            try:
                return self._dialled(address, port, deadline, share=2)
            except OSError:
                continue
        return self._dialled(last, port, deadline)

    def _addresses(self, host: str, port: int) -> Sequence[str]:
        try:
            addresses = self.resolve(host, port)
        except UnicodeError as error:  # a label that is empty or too long
            raise HttpError(
                "the URL names no host", may_be_sent=False, fault=HttpFault.UNKNOWN_HOST
            ) from error
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "no address")
        if self.allows is not None and not all(map(self.allows, addresses)):
            raise HttpError(
                "the server's address is not public",
                may_be_sent=False,
                fault=HttpFault.FORBIDDEN_ADDRESS,
            )
        return addresses

    def _dialled(
        self, address: str, port: int, deadline: Deadline, *, share: int = 1
    ) -> socket.socket:
        connection = self.connect((address, port), deadline.remaining() / share)
        try:
            # The body goes in a packet of its own: without this it waits for an acknowledgement.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(deadline.remaining())  # for the TLS handshake
        except BaseException:
            connection.close()
            raise
        return connection


def resolve(host: str, port: int) -> Sequence[str]:
    """Look a name up as the system does."""
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in infos]
