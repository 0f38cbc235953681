"""HTTP/1.1 over connections of urllib3."""

import http.client
import ssl
from collections.abc import Callable, Iterator
from typing import Final

from attrs import define, field

from messaging_adapters.http_clients._client import CHECKS, ConnectingClient
from messaging_adapters.http_clients._deadline import Deadline
from messaging_adapters.http_clients._dialling import Dialling
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
from messaging_core.ports.http import HttpRequest, HttpResponse

try:
    from urllib3.exceptions import HTTPError

    from messaging_adapters.http_clients._connections import (
        Connection,
        IdleConnections,
        TlsConnection,
    )
except ImportError as error:
    raise MissingDependencyError("urllib3", "http") from error

_CHUNK: Final = 65_536
_FAULTS: Final = (OSError, http.client.HTTPException, HTTPError, ValueError)


@checked_init(**CHECKS, max_idle=whole(0))
@define(eq=False)
class Urllib3Client(ConnectingClient):
    """Send HTTP requests over connections that are kept for the next one.

    It follows no redirect, uses no proxy of the environment, repeats nothing, and verifies
    certificates and host names. A connection that the server closed while it waited is replaced
    as long as nothing of the body was sent. A name is resolved once for each connection, and the
    connection goes to an address that was checked.

    Use it as a context manager, or call `close`, to hang up.

    Attributes:
        timeout: For the whole exchange from connecting to the last byte of the answer, except
            for looking the name up, which the system bounds.
        max_answer: The most bytes of the body of an answer.
        ssl_context: By default one that verifies certificates and host names.
        max_idle: The most connections that wait for their next request.
        idle_for: How long they wait; servers hang up after some time, too.
        resolve: Looks names up; by default as the system does.
        connect: Opens connections.
        allows: Says whether an address may be connected to, such as `is_public`. All addresses of
            a host must be.

    Raises:
        ConfigurationError: The SSL context does not verify.
    """

    _tls: ssl.SSLContext = field(init=False, repr=False)
    _idle: IdleConnections = field(init=False, repr=False)
    _dial: Dialling = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Refuse a context that would trust any server."""
        self._tls = verifying(self.ssl_context)
        self._idle = IdleConnections(self.max_idle, self.idle_for.total_seconds())
        self._dial = self._dialling()

    def close(self) -> None:
        self._idle.close()

    def send(
        self,
        request: HttpRequest,
        *,
        before_body: Callable[[], None] | None = None,
        max_answer: int | None = None,
    ) -> HttpResponse:
        check_headers(request.headers)
        exchange = _Exchange(
            request=request,
            target=target(request.url),
            before_body=before_body,
            deadline=Deadline(self.timeout.total_seconds()),
            max_answer=self.max_answer if max_answer is None else max_answer,
        )
        while True:
            try:
                connection = self._connection(exchange)
            except _FAULTS as error:
                raise not_connected(_cause(error)) from error
            try:
                response, is_lasting = exchange.run(connection)
            except BaseException as error:
                self._leave(connection, is_lasting=error is exchange.refusal)
                if exchange.may_go_again(connection, error):
                    continue
                raise
            self._leave(connection, is_lasting=is_lasting)
            return response

    def _leave(self, connection: Connection, *, is_lasting: bool) -> None:
        """Keep a connection that is good for another request, and hang up on any other."""
        if is_lasting:
            self._idle.give(connection)
        else:
            connection.abort()

    def _connection(self, exchange: "_Exchange") -> Connection:
        leads, deadline = exchange.target, exchange.deadline
        place = (leads.scheme, leads.host, leads.port)
        waiting = self._idle.take(place)
        if waiting is not None:
            waiting.renew(deadline)
            return waiting
        fresh = (
            TlsConnection(place, self._dial, ssl_context=self._tls)
            if leads.scheme == "https"
            else Connection(place, self._dial)
        )
        fresh.open(deadline)
        return fresh


class _StaleError(Exception):
    """The server hung up before the first byte of the body."""


@define(kw_only=True, eq=False)
class _Exchange:
    """One request and its answer, on one connection or on another if the first was stale.

    Attributes:
        is_announced: `before_body` was called.
        is_begun: The body may have left, or the whole of a request without one.
        status: Of the answer, as soon as it is known.
    """

    request: HttpRequest
    target: Target
    before_body: Callable[[], None] | None
    deadline: Deadline
    max_answer: int
    is_announced: bool = False
    is_begun: bool = False
    refusal: BaseException | None = None
    status: int | None = None

    def run(self, connection: Connection) -> tuple[HttpResponse, bool]:
        """Return the answer, and whether the connection can be used again."""
        try:
            return self._run(connection)
        except _FAULTS as error:
            if error is self.refusal:
                raise
            raise self._fault(error) from error

    def may_go_again(self, connection: Connection, error: BaseException) -> bool:
        """Tell whether only a connection was lost that had been waiting, and nothing was sent."""
        is_lost = isinstance(error, (HttpError, _StaleError)) and error is not self.refusal
        return is_lost and connection.is_reused and not self.is_begun

    def _run(self, connection: Connection) -> tuple[HttpResponse, bool]:
        self._announce()
        if connection.is_reused and not connection.is_connected:
            raise _StaleError
        body = self._pieces() if self.request.body else None
        if body is not None:
            connection.hold()
        self.is_begun = True
        try:
            connection.request(
                self.request.method, self.target.path, body=body, headers=self._headers()
            )
        except Exception as error:
            self.is_begun = connection.has_written
            if not (self.is_begun and isinstance(error, BrokenPipeError | ConnectionResetError)):
                raise
            # A server may refuse what is too long for it before it has read all of it.
        return self._answer(connection)

    def _headers(self) -> dict[str, str]:
        request = self.request
        headers = {
            "Host": self.target.authority,
            "User-Agent": "messaging-engine",
            "Accept-Encoding": "identity",
        }
        headers |= {name.title(): value for name, value in request.headers.items()}
        if request.body or request.method not in ("GET", "HEAD"):
            headers["Content-Length"] = str(len(request.body))
        return headers

    def _announce(self) -> None:
        if not self.is_announced and self.before_body is not None:
            try:
                self.before_body()
            except BaseException as refusal:
                self.refusal = refusal
                raise
        self.is_announced = True

    def _pieces(self) -> Iterator[bytes]:
        for start in range(0, len(self.request.body), _CHUNK):
            yield self.request.body[start : start + _CHUNK]

    def _answer(self, connection: Connection) -> tuple[HttpResponse, bool]:
        with connection.answer() as answer:
            self.status = answer.status
            if answer.length is not None and answer.length > self.max_answer:
                raise too_large(self.max_answer, self.status)
            body = answer.read(self.max_answer + 1)
            if len(body) > self.max_answer:
                raise too_large(self.max_answer, self.status)
            if answer.length:
                raise http.client.IncompleteRead(b"", answer.length)
            # After 101 another protocol would follow.
            is_lasting = not answer.will_close and answer.status != http.client.SWITCHING_PROTOCOLS
            response = HttpResponse(status=answer.status, headers=_joined(answer), body=body)
        return response, is_lasting

    def _fault(self, error: Exception) -> HttpError:
        problem, fault = described(_cause(error))
        return HttpError(problem, may_be_sent=self.is_begun, fault=fault, status=self.status)


def _joined(answer: http.client.HTTPResponse) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in answer.getheaders():
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers


def _cause(error: Exception) -> object:
    return error.args[0] if isinstance(error, HTTPError) and error.args else error
