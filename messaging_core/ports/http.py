"""HTTP as values, and the client that carries them."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Protocol

from attrs import field

from messaging_core.arguments import refuse
from messaging_core.lazy import frozen


def _lower_names(headers: Mapping[str, str]) -> Mapping[str, str]:
    if not hasattr(headers, "items"):  # what frameworks have is not always a Mapping
        raise refuse("headers", "a mapping", headers, 'write headers={"Content-Type": "…"}')
    return {name.lower(): value for name, value in headers.items()}


@frozen(kw_only=True)
class HttpRequest:
    """One HTTP request: one that a codec makes, or a webhook that a provider calls.

    The whole URL and every header may hold a secret, so `repr` shows neither.

    Attributes:
        method: In upper case.
        url: Absolute. Of a webhook: the public URL as the provider called it, with the query.
        headers: By name in lower case.
        body: The bytes as they go, or as they came.
    """

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(factory=dict, converter=_lower_names, repr=False)
    body: bytes = field(default=b"", repr=False)


@frozen(kw_only=True)
class HttpResponse:
    """One complete answer.

    Attributes:
        headers: By name in lower case; a repeated header is joined with commas.
    """

    status: int
    headers: Mapping[str, str] = field(factory=dict, converter=_lower_names, repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def is_ok(self) -> bool:
        """Return whether the status is one of success (RFC 9110 §15.3)."""
        return 200 <= self.status < 300  # noqa: PLR2004 - the same


class HttpFault(StrEnum):
    """Say why there is no complete answer.

    Attributes:
        UNKNOWN_HOST: The URL names no host that exists.
        FORBIDDEN_ADDRESS: The host has an address that this client does not connect to.
        UNTRUSTED: The server's certificate is not accepted.
        NO_TLS: The server and this client have no TLS in common.
        UNAUTHORIZED: The credentials of this client were refused before the request was sent.
        UNREACHABLE: There was no connection.
        TIMEOUT: The time was over.
        TOO_LARGE: The answer was larger than allowed.
        BROKEN: The connection was lost, or what came over it was not HTTP.
    """

    UNKNOWN_HOST = "unknown_host"
    FORBIDDEN_ADDRESS = "forbidden_address"
    UNTRUSTED = "untrusted"
    NO_TLS = "no_tls"
    UNAUTHORIZED = "unauthorized"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    TOO_LARGE = "too_large"
    BROKEN = "broken"


WRONG_SETUP = frozenset(
    {
        HttpFault.UNKNOWN_HOST,
        HttpFault.FORBIDDEN_ADDRESS,
        HttpFault.UNTRUSTED,
        HttpFault.NO_TLS,
        HttpFault.UNAUTHORIZED,
    }
)
"""Faults that an operator must correct: trying again does not help."""


class HttpClient(Protocol):
    """Send HTTP requests; one object serves many threads at once.

    A request is sent once: a client follows no redirect, and repeats nothing but what the server
    has surely not processed. It bounds the time of the whole exchange and the size of the answer.
    `HttpClientContract` tests these promises.
    """

    @abstractmethod
    def send(
        self,
        request: HttpRequest,
        *,
        before_body: Callable[[], None] | None = None,
        max_answer: int | None = None,
    ) -> HttpResponse:
        """Send one request and return the complete answer, whatever its status.

        Args:
            request: What to send.
            before_body: Called once, after the connection stands (with TLS: after its handshake)
                and before the first byte of the body leaves; of a request without a body, before
                its first line. What it raises passes through, and the body is not sent.
            max_answer: The most bytes of the body of the answer; by default what the client
                allows.

        Raises:
            HttpError: No complete answer came, or it was larger than the client allows; or a
                header is not one that HTTP can carry, and nothing was sent.
        """
