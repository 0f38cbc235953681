"""Media fetched over HTTPS from anywhere but the private network."""

import io
import re
import socket
import ssl
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from http.client import HTTPConnection, HTTPException, HTTPResponse
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from time import monotonic
from typing import Any, Final, cast
from urllib.parse import quote, urlsplit

from attrs import define, field

from messaging_core.arguments import checked_init, flag, function, several, span
from messaging_core.errors import MediaError
from messaging_core.lazy import frozen
from messaging_core.ports.media import Media, MediaSource

Resolver = Callable[[str, int], Sequence[str]]
"""Turn a host name and port into all its addresses, or raise `OSError`."""

Dialler = Callable[[tuple[str, int], float], socket.socket]
"""Connect to an address and port within some seconds, or raise `OSError`."""

_UNSAFE: Final = re.compile(r"[\s\x00-\x20\x7f-\xa0\\]")
_PORTS: Final = {"http": 80, "https": 443}
_RESERVED: Final = "/%:=&?~!$,;'@()*[]+"  # RFC 3986 §2.2, and what is encoded already
_MEDIA_TYPE: Final = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+", re.ASCII)
_ANY_TYPE: Final = "application/octet-stream"
_OK: Final = 200
_REDIRECTS: Final = range(300, 400)
_PASSING: Final = frozenset({408, 425, 429})  # refusals that ask to come again

_UNICAST: Final = IPv6Network("2000::/3")  # RFC 4291 §2.4: all that is routed
_NAT64: Final = IPv6Network("64:ff9b::/96")  # RFC 6052 §2.1
_COMPATIBLE: Final = IPv6Network("::/96")  # RFC 4291 §2.5.5.1


@checked_init(
    timeout=span(),
    ports=several("ports", alone=int),
    allow_http=flag,
    resolve=function,
    connect=function,
)
@define(eq=False)
class HttpMediaSource(MediaSource):
    """Fetch media over HTTPS, from public addresses only.

    A URL out of a request may be meant to reach what only this machine can reach (server-side
    request forgery). So the name is resolved once, *all* its addresses must be public - also those
    wrapped in IPv6: mapped, NAT64, 6to4, Teredo -, and the connection goes to an address that was
    checked, with the certificate verified for the name. Redirects are not followed, and proxies
    of the environment are not used.

    Attributes:
        timeout: For everything together but resolving, which the system bounds.
        ports: To be connected to; `allow_http` adds 80.
        allow_http: Take `http:` URLs too, which every hop on the way can read and change.
        ssl_context: By default one that verifies certificates and host names.
        resolve: Looks names up; by default as the system does.
        connect: Opens connections.
    """

    timeout: timedelta = field(default=timedelta(seconds=10), kw_only=True)
    ports: Collection[int] = field(default=(443,), kw_only=True)
    allow_http: bool = field(default=False, kw_only=True)
    ssl_context: ssl.SSLContext = field(
        factory=ssl.create_default_context, kw_only=True, repr=False
    )
    resolve: Resolver = field(factory=lambda: _resolve, kw_only=True, repr=False)
    connect: Dialler = field(factory=lambda: socket.create_connection, kw_only=True, repr=False)

    def read(self, url: str, limit: int) -> Media:
        target = self._target(url)
        try:
            addresses = self._addresses(target)
            return self._fetched(target, addresses, limit)
        except TimeoutError as error:
            raise MediaError("the server took too long", permanent=False) from error
        except ssl.SSLCertVerificationError as error:
            raise MediaError("the server's certificate is not accepted", permanent=True) from error
        except (OSError, HTTPException) as error:
            problem = f"the server could not be read: {type(error).__name__}"
            raise MediaError(problem, permanent=False) from error

    def _target(self, url: str) -> "_Target":
        target = _parsed(url)
        if target.scheme != "https" and not (self.allow_http and target.scheme == "http"):
            raise MediaError("the URL is not https", permanent=True)
        if target.port not in self.ports and not (
            self.allow_http and target.port == _PORTS["http"]
        ):
            raise MediaError("the URL names a port that is not allowed", permanent=True)
        return target

    def _addresses(self, target: "_Target") -> Sequence[str]:
        try:
            addresses = self.resolve(target.host, target.port)
        except socket.gaierror as error:
            permanent = error.errno != socket.EAI_AGAIN
            raise MediaError("the server's name is not known", permanent=permanent) from error
        except UnicodeError as error:
            raise MediaError("the URL names no host", permanent=True) from error
        if not addresses or not all(map(is_public, addresses)):
            raise MediaError("the URL leads into a private network", permanent=True)
        return addresses

    def _fetched(self, target: "_Target", addresses: Sequence[str], limit: int) -> Media:
        deadline = _Deadline(self.timeout)
        with self._connected(target, addresses, deadline) as connection:
            client = HTTPConnection(target.host, target.port)
            client.sock = cast("socket.socket", _Timed(connection, deadline))
            client.request("GET", target.path, headers=_headers(target))
            with client.getresponse() as response:
                _check(response, limit)
                return Media(content=_content(response, limit), content_type=_type(response))

    def _connected(
        self, target: "_Target", addresses: Sequence[str], deadline: "_Deadline"
    ) -> socket.socket:
        connection = self._dialled(addresses, target.port, deadline)
        if target.scheme == "http":
            return connection
        try:
            connection.settimeout(deadline.remaining())
            return self.ssl_context.wrap_socket(connection, server_hostname=target.host)
        except BaseException:
            connection.close()
            raise

    def _dialled(self, addresses: Sequence[str], port: int, deadline: "_Deadline") -> socket.socket:
        *others, last = addresses
        for address in others:
            try:
                return self.connect((address, port), deadline.remaining() / 2)
            except OSError:
                continue
        return self.connect((last, port), deadline.remaining())


def is_public(address: str) -> bool:
    """Say whether an address belongs to the public Internet, and whatever it wraps does too.

    Args:
        address: IPv4, or IPv6 with or without a zone.
    """
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, IPv4Address):
        return parsed.is_global and not parsed.is_multicast
    wrapped = _wrapped(parsed)
    if wrapped:
        return all(inner.is_global and not inner.is_multicast for inner in wrapped)
    return parsed.is_global and parsed in _UNICAST


def _wrapped(address: IPv6Address) -> Sequence[IPv4Address]:
    """Return the IPv4 addresses that packets to an IPv6 address end up at."""
    if address.ipv4_mapped:
        return [address.ipv4_mapped]
    if address in _NAT64 or address in _COMPATIBLE:
        return [IPv4Address(int(address) & 0xFFFF_FFFF)]
    if address.sixtofour:  # RFC 3056
        return [address.sixtofour]
    return address.teredo or []  # RFC 4380: the relay and the client


@frozen
class _Target:
    """What a URL leads to."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Return the value of the `Host` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def _parsed(url: str) -> _Target:
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
        host = _host(parts.hostname or "")
    except ValueError as error:
        raise MediaError("the URL is malformed", permanent=True) from error
    if _UNSAFE.search(url) or not host or "@" in parts.netloc:
        raise MediaError("the URL is malformed", permanent=True)
    query = f"?{parts.query}" if parts.query else ""
    return _Target(parts.scheme, host, port, quote(f"{parts.path or '/'}{query}", safe=_RESERVED))


def _host(name: str) -> str:
    if name.isascii():
        return name
    import idna  # noqa: PLC0415 - few names need it

    return idna.encode(name, uts46=True).decode("ascii")  # its errors are ValueErrors


def _resolve(host: str, port: int) -> Sequence[str]:
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in infos]


class _Deadline:
    """The instant at which patience ends."""

    def __init__(self, timeout: timedelta) -> None:
        self._end = monotonic() + timeout.total_seconds()

    def remaining(self) -> float:
        """Return the seconds that are left."""
        left = self._end - monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class _Timed:
    """A connection as `http.client` uses one, whose every wait ends with the deadline.

    The time-out of a socket starts again with each byte that arrives.
    """

    def __init__(self, connection: socket.socket, deadline: _Deadline) -> None:
        self._connection = connection
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        self._connection.settimeout(self._deadline.remaining())
        self._connection.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self._connection, self._deadline))

    def close(self) -> None:
        """Leave it open: the client closes before it has read the body, `_fetched` after."""


class _TimedReader(io.RawIOBase):
    """What comes over such a connection."""

    def __init__(self, connection: socket.socket, deadline: _Deadline) -> None:
        super().__init__()
        self._connection = connection
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._connection.settimeout(self._deadline.remaining())
        return self._connection.recv_into(buffer)


def _headers(target: _Target) -> dict[str, str]:
    return {"Host": target.authority, "Accept-Encoding": "identity", "Connection": "close"}


def _check(response: HTTPResponse, limit: int) -> None:
    """Refuse an answer that is not the file itself."""
    status = response.status
    if status in _REDIRECTS:
        raise MediaError("the server redirects, which is not followed", permanent=True)
    if status != _OK:
        permanent = status < 500 and status not in _PASSING  # noqa: PLR2004 - RFC 9110 §15
        raise MediaError(f"the server answered {status}", permanent=permanent)
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise MediaError("the server compressed what was asked for as it is", permanent=True)
    if response.length is not None and response.length > limit:
        raise _too_large(limit)


def _content(response: HTTPResponse, limit: int) -> bytes:
    content = response.read(limit + 1) if response.length is None else response.read()
    if len(content) > limit:
        raise _too_large(limit)
    return content


def _type(response: HTTPResponse) -> str:
    match = _MEDIA_TYPE.match(response.headers.get("Content-Type", ""))
    return match[0].lower() if match else _ANY_TYPE


def _too_large(limit: int) -> MediaError:
    return MediaError(f"it is larger than {limit} bytes", permanent=True)
