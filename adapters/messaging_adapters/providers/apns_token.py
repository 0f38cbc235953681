"""Provider tokens of APNs.

Source: "Establishing a token-based connection to APNs" of Apple's documentation.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from attrs import evolve, field

from messaging_adapters.providers.answers import json_object
from messaging_adapters.providers.application_token import EllipticKey
from messaging_core.fork import ForkSafeLock
from messaging_core.lazy import frozen
from messaging_core.ports.clock import Clock
from messaging_core.ports.http import HttpClient, HttpRequest, HttpResponse

_RENEW_AFTER: Final = timedelta(minutes=40)  # Apple: 20 minutes at least, 60 at most
_SOONEST: Final = timedelta(minutes=20)
_CLOCK_STEP: Final = timedelta(minutes=1)
_FORBIDDEN: Final = 403


@frozen(kw_only=True)
class ProviderToken:
    """A token, and when it was made."""

    value: str = field(repr=False)
    issued_at: datetime


class ProviderTokens:
    """Keep one token, and renew it after 40 minutes; safe to use from many threads.

    A forked child goes on with the token of its parent.

    Args:
        key: The key that Apple gave out.
        key_id: The id of the key.
        team_id: The id of the team that it belongs to.
        clock: Tells the time.
    """

    def __init__(self, key: EllipticKey, *, key_id: str, team_id: str, clock: Clock) -> None:
        self._key = key
        self._key_id = key_id
        self._team_id = team_id
        self._clock = clock
        self._lock = ForkSafeLock()
        self._token: ProviderToken | None = None

    def current(self) -> ProviderToken:
        """Return the token, renewed if it is time."""
        return self._older_than(_RENEW_AFTER)

    def renewed(self, refused: ProviderToken) -> ProviderToken | None:
        """Return another token than one that APNs refused, unless it is too soon for one."""
        token = self._older_than(_SOONEST)
        return None if token is refused else token

    def _older_than(self, age: timedelta) -> ProviderToken:
        now = self._clock.now()
        with self._lock:
            token = self._token
            # A clock that was set back makes a token one of the future, which APNs refuses.
            if token is None or not -_CLOCK_STEP <= now - token.issued_at < age:
                token = self._token = self._signed(now)
            return token

    def _signed(self, now: datetime) -> ProviderToken:
        claims = {"iss": self._team_id, "iat": int(now.timestamp())}
        value = self._key.sign(claims, key_id=self._key_id)
        return ProviderToken(value=value, issued_at=now)


class TokenClient(HttpClient):
    """Send requests with a provider token, and once more if APNs says that it has expired.

    Args:
        client: Carries the requests.
        tokens: Keeps the token.
    """

    def __init__(self, client: HttpClient, tokens: ProviderTokens) -> None:
        self._client = client
        self._tokens = tokens

    def send(
        self,
        request: HttpRequest,
        *,
        before_body: Callable[[], None] | None = None,
        max_answer: int | None = None,
    ) -> HttpResponse:
        token = self._tokens.current()
        response = self._client.send(
            _with(token, request), before_body=before_body, max_answer=max_answer
        )
        newer = self._tokens.renewed(token) if _is_expired(response) else None
        if newer is None:
            return response
        # Leave was given before the first request, which APNs did not take.
        return self._client.send(_with(newer, request), max_answer=max_answer)


def _is_expired(response: HttpResponse) -> bool:
    if response.status != _FORBIDDEN:
        return False
    return json_object(response).get("reason") == "ExpiredProviderToken"


def _with(token: ProviderToken, request: HttpRequest) -> HttpRequest:
    return evolve(request, headers={**request.headers, "authorization": f"bearer {token.value}"})
