"""HTTP/2 over connections that many requests share."""

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from attrs import define, field

from messaging_adapters.http_clients._client import CHECKS, ConnectingClient
from messaging_adapters.http_clients._deadline import Deadline
from messaging_adapters.http_clients._faults import (
    check_headers,
    described,
    not_connected,
    target,
    too_large,
    verifying,
)
from messaging_adapters.http_clients._target import Target
from messaging_core.arguments import checked_init, whole
from messaging_core.errors import HttpError, MissingDependencyError
from messaging_core.ports.http import HttpFault, HttpRequest, HttpResponse

try:
    from h2.exceptions import H2Error

    from messaging_adapters.http_clients._http2_connection import (
        Http2Connection,
        RefusedError,
        TooLargeError,
        UnprocessedError,
    )
    from messaging_adapters.http_clients._http2_connections import Http2Connections, Opening
    from messaging_adapters.http_clients._http2_protocol import Header, Stream
except ImportError as error:
    raise MissingDependencyError("h2", "http2") from error

_FAULTS: Final = (OSError, H2Error, ValueError)
# RFC 9113 §8.2.2: what speaks of the connection is not a header of HTTP/2.
_OF_CONNECTIONS: Final = frozenset(
    {"connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade", "te"}
)


@checked_init(**CHECKS, max_idle=whole())
@define(eq=False)
class H2Client(ConnectingClient):
    """Send HTTP/2 requests, those of all threads to one server over one connection.

    It has as many requests under way at once as the server allows; others wait. It follows no
    redirect, uses no proxy of the environment, and verifies certificates and host names. A URL
    with `http` needs a server that speaks HTTP/2 without being asked.

    A request that the server has surely not processed goes once more, over another connection:
    the server hung up before the request left, or its GOAWAY excludes the request. What it
    refuses with REFUSED_STREAM was not sent either, and is left to the caller. Of every other end
    of a stream or a connection the request may have been processed. If a connection is lost, each
    caller that uses it learns what happened to its own request.

    The library hpack logs headers, with their secrets, at the level DEBUG. Making a client raises
    the level of its logger to INFO, unless the host has set a level.

    Use it as a context manager, or call `close`, to hang up.

    Attributes:
        timeout: For the whole exchange from connecting to the last byte of the answer, except
            for looking the name up, which the system bounds.
        max_answer: The most bytes of the body of an answer.
        ssl_context: By default one that verifies certificates and host names. It is set to offer
            HTTP/2 only, so no other client can share it.
        max_idle: The most connections without a request that are kept.
        idle_for: How long they are kept; servers hang up after some time, too.
        resolve: Looks names up; by default as the system does.
        connect: Opens connections.
        allows: Says whether an address may be connected to, such as `is_public`. All addresses of
            a host must be.

    Raises:
        ConfigurationError: The SSL context does not verify.
    """

    idle_for: timedelta = field(default=timedelta(minutes=1), kw_only=True)
    _connections: Http2Connections = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Refuse a context that would trust any server."""
        _keep_headers_out_of_logs()
        tls = verifying(self.ssl_context)
        tls.set_alpn_protocols(["h2"])
        opening = Opening(self._dialling(), tls)
        self._connections = Http2Connections(opening, self.max_idle, self.idle_for.total_seconds())

    def close(self) -> None:
        self._connections.close()

    def send(
        self,
        request: HttpRequest,
        *,
        before_body: Callable[[], None] | None = None,
        max_answer: int | None = None,
    ) -> HttpResponse:
        leads = target(request.url)
        exchange = _Exchange(
            headers=_headers(request, leads),
            body=request.body,
            before_body=before_body,
            deadline=Deadline(self.timeout.total_seconds()),
            max_answer=self.max_answer if max_answer is None else max_answer,
        )
        while True:
            try:
                connection, is_reused = self._connections.take(
                    (leads.scheme, leads.host, leads.port), exchange.deadline
                )
            except _FAULTS as error:
                raise not_connected(error) from error
            try:
                return exchange.run(connection)
            except UnprocessedError as error:
                if not is_reused:
                    raise _unprocessed("the server went away before it read the request") from error
            finally:
                self._connections.give(connection)


@define(kw_only=True, eq=False)
class _Exchange:
    """One request and its answer, on one connection or on another if the first went away.

    Attributes:
        is_announced: `before_body` was called.
    """

    headers: Sequence[Header]
    body: bytes
    before_body: Callable[[], None] | None
    deadline: Deadline
    max_answer: int
    is_announced: bool = False

    def run(self, connection: Http2Connection) -> HttpResponse:
        """Return the answer."""
        try:
            connection.reserve(self.deadline)
        except TimeoutError as error:
            problem, fault = "no stream came free in time", HttpFault.TIMEOUT
            raise HttpError(problem, may_be_sent=False, fault=fault) from error
        try:
            self._announce()
            return self._exchange(connection)
        finally:
            connection.free()

    def _announce(self) -> None:
        if not self.is_announced and self.before_body is not None:
            self.before_body()
        self.is_announced = True

    def _exchange(self, connection: Http2Connection) -> HttpResponse:
        stream = connection.begin(self.headers, self.max_answer, has_body=bool(self.body))
        try:
            connection.exchange(stream, self.body, self.deadline)
        except RefusedError as error:
            raise _unprocessed("the server refused the request unread") from error
        except TooLargeError as error:
            raise too_large(self.max_answer, stream.status) from error
        except _FAULTS as error:
            problem, fault = described(error)
            raise HttpError(problem, may_be_sent=True, fault=fault, status=stream.status) from error
        finally:
            connection.forget(stream)
        return _response(stream)


def _keep_headers_out_of_logs() -> None:
    """Raise the level of hpack, which logs each header at DEBUG, unless the host has set one."""
    logger = logging.getLogger("hpack")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)


def _unprocessed(problem: str) -> HttpError:
    return HttpError(problem, may_be_sent=False, fault=HttpFault.BROKEN)


def _response(stream: Stream) -> HttpResponse:
    headers: dict[str, str] = {}
    for raw, value in stream.headers:
        name, text = raw.decode("latin-1"), value.decode("latin-1")
        if not name.startswith(":"):
            headers[name] = f"{headers[name]}, {text}" if name in headers else text
    return HttpResponse(status=stream.status or 0, headers=headers, body=bytes(stream.body))


def _headers(request: HttpRequest, leads: Target) -> Sequence[Header]:
    headers = {"user-agent": "messaging-engine", "accept-encoding": "identity"} | {
        **request.headers
    }
    authority = headers.pop("host", leads.authority)
    if request.body or request.method not in ("GET", "HEAD"):
        headers["content-length"] = str(len(request.body))
    check_headers(headers)
    if _OF_CONNECTIONS & headers.keys():
        raise _unprocessed("a header is not one that HTTP/2 knows")
    pseudo = {
        ":method": request.method,
        ":scheme": leads.scheme,
        ":authority": authority,
        ":path": leads.path,
    }
    return [*pseudo.items(), *headers.items()]
