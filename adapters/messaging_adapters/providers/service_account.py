"""Access tokens of a Google service account, without Google's libraries.

Sources: "Using OAuth 2.0 for Server to Server Applications" of Google's documentation, RFC 7523.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from attrs import define, field

from messaging_adapters._extras import needing
from messaging_adapters.providers.answers import json_object, text_of, without_people
from messaging_adapters.providers.credentials import READ_THE_FILE, api_root
from messaging_core.errors import ConfigurationError, HttpError
from messaging_core.fork import ForkSafeLock
from messaging_core.lazy import frozen
from messaging_core.ports.clock import Clock
from messaging_core.ports.http import HttpClient, HttpFault, HttpRequest, HttpResponse

_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LONGEST: Final = timedelta(hours=1)
_MARGIN: Final = timedelta(minutes=5)
_PAUSE: Final = timedelta(seconds=30)
"""Between attempts to renew a token that is still good."""

_PRINTABLE: Final = re.compile(r"[!-~]{1,4096}")
_UNAUTHORIZED: Final = 401
_REFUSALS: Final = frozenset({400, 401, 403})


@define(eq=False)
class ServiceAccount:
    """Ask for access tokens with the private key of a service account.

    Args:
        text: Of the JSON file that Google makes for a key of the account.

    Raises:
        ConfigurationError: It is not such a file.
        MissingDependencyError: The package `cryptography` is not installed.

    Attributes:
        project_id: The project that the account belongs to, if the file says so.
    """

    text: str = field(repr=False)
    project_id: str = field(init=False, default="")
    _email: str = field(init=False, repr=False)
    _token_url: str = field(init=False, repr=False)
    _key: Any = field(init=False, repr=False)
    _key_id: str | None = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        account = _account(self.text)
        self.project_id = account.get("project_id") or ""
        self._email = account["client_email"]
        self._token_url = api_root(account["token_uri"])
        self._key = _key_of(account["private_key"])
        self._key_id = account.get("private_key_id") or None

    def token_request(self, scope: str, now: datetime) -> HttpRequest:
        """Return the request for a token that is good for an hour (RFC 7523 §2.1)."""
        issued_at = int(now.timestamp())
        claims = {
            "iss": self._email,
            "scope": scope,
            "aud": self._token_url,
            "iat": issued_at,
            "exp": issued_at + int(_LONGEST.total_seconds()),
        }
        assertion = self._key.sign(claims, key_id=self._key_id)
        return HttpRequest(
            method="POST",
            url=self._token_url,
            headers={
                "content-type": "application/x-www-form-urlencoded",
                "accept": "application/json",
            },
            body=urlencode({"grant_type": _GRANT, "assertion": assertion}).encode(),
        )


@frozen(kw_only=True)
class AccessToken:
    """A token, and when it should be renewed and when it ends."""

    value: str = field(repr=False)
    renew_at: datetime
    expires_at: datetime


class AuthorizedClient(HttpClient):
    """Send requests with an access token of a service account.

    The token is renewed five minutes before it ends, or once when an answer says that it is not
    valid. One thread renews it, and the others wait for that. While it is still good, it serves
    even if it cannot be renewed. A forked child goes on with the token of its parent.

    Where Google refuses to give a token, the request is not sent: `HttpError` has the fault
    `UNAUTHORIZED`, and says why in Google's own words.

    Args:
        client: Carries the requests.
        account: Whose tokens these are.
        scope: What they allow.
        clock: Tells the time.
        is_stale: Returns True if an answer says that the token is not valid; by default, each 401.
    """

    def __init__(
        self,
        client: HttpClient,
        account: ServiceAccount,
        scope: str,
        clock: Clock,
        *,
        is_stale: Callable[[HttpResponse], bool] = lambda _: True,
    ) -> None:
        self._client = client
        self._account = account
        self._scope = scope
        self._clock = clock
        self._is_stale = is_stale
        self._lock = ForkSafeLock()
        self._token: AccessToken | None = None
        self._renewals = 0
        self._tried_at = clock.now() - _PAUSE
        self._last: AccessToken | HttpError = HttpError(
            "no access token", may_be_sent=False, fault=HttpFault.UNAUTHORIZED
        )

    def send(
        self,
        request: HttpRequest,
        *,
        before_body: Callable[[], None] | None = None,
        max_answer: int | None = None,
    ) -> HttpResponse:
        token = self._current()
        response = self._client.send(
            _with(token, request), before_body=before_body, max_answer=max_answer
        )
        if response.status != _UNAUTHORIZED or not self._is_stale(response):
            return response
        newer = self._renewed(token)
        # Leave was given before the first request, which the provider did not take.
        return self._client.send(_with(newer, request), max_answer=max_answer)

    def _current(self) -> AccessToken:
        """Return the token, renewed if it is time."""
        token, now = self._token, self._clock.now()
        if token is not None and now < token.renew_at:
            return token
        good = token if token is not None and now < token.expires_at else None
        if good is not None and now < self._tried_at + _PAUSE:
            return good
        try:
            return self._renewed(token)
        except HttpError:
            if good is None:
                raise
            return good

    def _renewed(self, old: AccessToken | None) -> AccessToken:
        """Return a token that another thread has got meanwhile, or a new one."""
        seen = self._renewals
        with self._lock:
            if self._token is not None and self._token is not old:
                return self._token
            if self._renewals == seen:
                self._renew()
            result = self._last
        if isinstance(result, HttpError):
            raise HttpError(result.problem, may_be_sent=False, fault=result.fault)
        return result

    def _renew(self) -> None:
        self._tried_at = now = self._clock.now()
        try:
            response = self._client.send(self._account.token_request(self._scope, now))
            self._last = _token_of(response, now)
        except HttpError as error:
            # The message was not sent, whatever became of this request.
            problem = f"no access token: {error.problem}"
            self._last = HttpError(problem, may_be_sent=False, fault=error.fault)
        if isinstance(self._last, AccessToken):
            self._token = self._last
        self._renewals += 1


def _with(token: AccessToken, request: HttpRequest) -> HttpRequest:
    headers = {**request.headers, "authorization": f"Bearer {token.value}"}
    return HttpRequest(method=request.method, url=request.url, headers=headers, body=request.body)


def _token_of(response: HttpResponse, now: datetime) -> AccessToken:
    """Read the answer to a request for a token.

    Raises:
        HttpError: There is none in it; with `UNAUTHORIZED`, the account is to blame.
    """
    answer = json_object(response)
    value, seconds = answer.get("access_token"), answer.get("expires_in")
    is_token = isinstance(value, str) and _PRINTABLE.fullmatch(value) is not None
    if not (response.is_ok and is_token and type(seconds) is int and seconds > 0):
        is_refusal = response.status in _REFUSALS
        fault = HttpFault.UNAUTHORIZED if is_refusal else HttpFault.BROKEN
        # RFC 6749 §5.2 names both members.
        said = (text_of(answer.get(name)) for name in ("error", "error_description"))
        words = map(without_people, filter(None, said))
        problem = ": ".join((f"the token endpoint answered {response.status}", *words))
        raise HttpError(problem, may_be_sent=False, fault=fault)
    lifetime = min(timedelta(seconds=min(seconds, 86_400)), _LONGEST)
    return AccessToken(
        value=str(value),
        renew_at=now + lifetime - min(_MARGIN, lifetime / 2),
        expires_at=now + lifetime,
    )


def _account(text: str) -> Mapping[str, str]:
    try:
        account = json.loads(text)
    except (ValueError, RecursionError):
        account = None
    names = ("client_email", "private_key", "token_uri")
    if not isinstance(account, dict) or not all(
        isinstance(account.get(name), str) for name in names
    ):
        raise ConfigurationError(
            "service_account must be the text of the JSON file of a key, with client_email,"
            f" private_key and token_uri: {READ_THE_FILE}"
        ) from None
    return account


def _key_of(private_key: str) -> Any:
    with needing("fcm"):
        from messaging_adapters.providers.application_token import (  # noqa: PLC0415 - an extra
            ApplicationKey,
        )
    return ApplicationKey(private_key)
