"""Media fetched over HTTPS from anywhere but the private network."""

import re
import socket
import ssl
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urljoin

from attrs import define, field

from messaging_adapters.http_clients._dialling import Dialler, Resolver, resolve
from messaging_adapters.http_clients._target import Target, target_of
from messaging_adapters.http_clients.public_addresses import is_public
from messaging_adapters.http_clients.urllib3_client import Urllib3Client
from messaging_core.arguments import (
    a_text,
    checked_init,
    flag,
    function,
    refuse,
    several,
    span,
    whole,
)
from messaging_core.errors import ConfigurationError, HttpError, MediaError
from messaging_core.ports.http import WRONG_SETUP, HttpFault, HttpRequest, HttpResponse
from messaging_core.ports.media import Media, MediaSource

_MEDIA_TYPE: Final = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+", re.ASCII)
_ANY_TYPE: Final = "application/octet-stream"
_HTTP_PORT: Final = 80
_HTTPS_PORT: Final = 443
_OK: Final = 200
_REDIRECTS: Final = range(300, 400)
_PASSING: Final = frozenset({408, 425, 429})  # refusals that ask to come again
_HOST: Final = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*")
_HEADER_VALUE: Final = re.compile(r"[!-~]+( [!-~]+)*")

Credentials = Mapping[str, str | Callable[[], str]]
"""By host: the value of the header `Authorization`, or a function that returns it."""


def _credentials_of(value: Any, name: str) -> Any:
    """Allow credentials by plain host names, each a text that a header can carry."""
    remedy = 'write credentials=twilio.media_credentials or {"media.example": "Bearer …"}'
    if not isinstance(value, Mapping):
        raise refuse(name, "a dict of credentials by host", value, remedy)
    for host, credentials in value.items():
        if _HOST.fullmatch(a_text(host, f"a host in {name}")) is None:
            raise ConfigurationError(f"a host in {name} must be a name such as media.example")
        is_text = isinstance(credentials, str) and _HEADER_VALUE.fullmatch(credentials)
        if not (is_text or callable(credentials)):
            raise ConfigurationError(f"a value in {name} must be printable ASCII")
    return dict(value)


@checked_init(
    timeout=span(),
    ports=several("ports", alone=int),
    allow_http=flag,
    max_redirects=whole(0),
    credentials=_credentials_of,
    resolve=function,
    connect=function,
)
@define(eq=False)
class HttpMediaSource(MediaSource):
    """Fetch media over HTTPS, from public addresses only.

    A URL out of a request may be meant to reach what only this machine can reach (server-side
    request forgery). So the name is resolved once, *all* its addresses must be public - also those
    wrapped in IPv6: mapped, NAT64, 6to4, Teredo -, and the connection goes to an address that was
    checked, with the certificate verified for the name. Proxies of the environment are not used.
    It is `Urllib3Client` with this guard.

    Attributes:
        timeout: For each request, except resolving, which the system bounds.
        ports: To be connected to; `allow_http` adds 80.
        allow_http: Take `http:` URLs too, which every hop on the way can read and change.
        max_redirects: How many redirects are followed; each target is checked like the URL.
        credentials: By host, such as `TwilioTransport.media_credentials`. They are sent to that
            host only, over HTTPS at port 443, and do not follow a redirect to another.
        ssl_context: By default one that verifies certificates and host names.
        resolve: Looks names up; by default as the system does.
        connect: Opens connections.
    """

    timeout: timedelta = field(default=timedelta(seconds=10), kw_only=True)
    ports: Collection[int] = field(default=(443,), kw_only=True)
    allow_http: bool = field(default=False, kw_only=True)
    max_redirects: int = field(default=0, kw_only=True)
    credentials: Credentials = field(factory=dict, kw_only=True, repr=False)
    ssl_context: ssl.SSLContext = field(
        factory=ssl.create_default_context, kw_only=True, repr=False
    )
    resolve: Resolver = field(default=resolve, kw_only=True, repr=False)
    connect: Dialler = field(default=socket.create_connection, kw_only=True, repr=False)
    _client: Urllib3Client = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Make the client, which keeps no connection to servers that were chosen by strangers."""
        self._client = Urllib3Client(
            timeout=self.timeout,
            ssl_context=self.ssl_context,
            max_idle=0,
            resolve=self.resolve,
            connect=self.connect,
            allows=is_public,
        )

    def read(self, url: str, limit: int) -> Media:
        for _ in range(self.max_redirects + 1):
            response = self._get(url, limit)
            location = response.headers.get("location", "")
            if response.status not in _REDIRECTS or not location:
                break
            url = urljoin(url, location)
        _check(response, followed=self.max_redirects)
        return Media(content=response.body, content_type=_type(response))

    def _get(self, url: str, limit: int) -> HttpResponse:
        target = self._target(url)
        headers = {"connection": "close", **self._authorization(target)}
        request = HttpRequest(method="GET", url=target.url, headers=headers)
        try:
            return self._client.send(request, max_answer=limit)
        except HttpError as error:
            raise _error_of(error, limit) from error

    def _authorization(self, target: Target) -> dict[str, str]:
        """Return the credentials of a host, for HTTPS at its usual port only."""
        credentials = self.credentials.get(target.host)
        if credentials is None or (target.scheme, target.port) != ("https", _HTTPS_PORT):
            return {}
        return {"authorization": credentials() if callable(credentials) else credentials}

    def _target(self, url: str) -> Target:
        try:
            target = target_of(url)
        except ValueError as error:
            raise MediaError("the URL is malformed", permanent=True) from error
        if target.scheme != "https" and not self.allow_http:
            raise MediaError("the URL is not https", permanent=True)
        if target.port not in self.ports and not (self.allow_http and target.port == _HTTP_PORT):
            raise MediaError("the URL names a port that is not allowed", permanent=True)
        return target


def _error_of(error: HttpError, limit: int) -> MediaError:
    if error.status is not None and error.status != _OK:
        return _refused(error.status)
    if error.fault == HttpFault.FORBIDDEN_ADDRESS:
        return MediaError("the URL leads into a private network", permanent=True)
    if error.fault == HttpFault.TOO_LARGE:
        return MediaError(f"it is larger than {limit} bytes", permanent=True)
    if error.fault == HttpFault.UNTRUSTED:
        return MediaError("the server's certificate is not accepted", permanent=True)
    return MediaError(error.problem, permanent=error.fault in WRONG_SETUP)


def _check(response: HttpResponse, *, followed: int) -> None:
    """Refuse an answer that is not the file itself."""
    if response.status in _REDIRECTS and followed:
        raise MediaError("the server redirects too often, or to nowhere", permanent=True)
    if response.status != _OK:
        raise _refused(response.status)
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise MediaError("the server compressed what was asked for as it is", permanent=True)


def _refused(status: int) -> MediaError:
    if status in _REDIRECTS:
        return MediaError("the server redirects, which is not followed", permanent=True)
    permanent = status < 500 and status not in _PASSING  # noqa: PLR2004 - RFC 9110 §15
    return MediaError(f"the server answered {status}", permanent=permanent)


def _type(response: HttpResponse) -> str:
    match = _MEDIA_TYPE.match(response.headers.get("content-type", ""))
    return match[0].lower() if match else _ANY_TYPE
