"""Media of several accounts at providers."""

from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import urlsplit

from messaging_adapters.media.http import Credentials, HttpMediaSource
from messaging_core.errors import MediaError
from messaging_core.ports.media import Media, MediaSource

_MAX_REDIRECTS: Final = 3  # Twilio and Bird redirect to where the file is


class AccountsMediaSource(MediaSource):
    """Fetch media over HTTPS, with the credentials of several accounts.

    A URL does not tell whose it is. Where accounts have the same host, each is tried in its order
    until one is let in.

    Args:
        accounts: Credentials of each by host, such as `TwilioTransport.media_credentials`. Without
            any, media are fetched that ask for none.
        make: `HttpMediaSource`, or a function that makes one with the same arguments.
    """

    def __init__(
        self,
        accounts: Iterable[Credentials],
        make: Callable[..., HttpMediaSource] = HttpMediaSource,
    ) -> None:
        by_host: dict[str, list[str | Callable[[], str]]] = {}
        for account in accounts:
            for host, credentials in account.items():
                of_host = by_host.setdefault(host, [])
                if credentials not in of_host:
                    of_host.append(credentials)
        self._open = make(max_redirects=_MAX_REDIRECTS)
        self._sources = {
            host: [
                make(max_redirects=_MAX_REDIRECTS, credentials={host: credentials})
                for credentials in of_host
            ]
            for host, of_host in by_host.items()
        }

    @property
    def hosts(self) -> list[str]:
        """Return the hosts that get credentials."""
        return sorted(self._sources)

    def read(self, url: str, limit: int) -> Media:
        *others, last = self._sources.get(_host_of(url), [self._open])
        for source in others:
            try:
                return source.read(url, limit)
            except MediaError as error:
                if not error.permanent:
                    raise
        return last.read(url, limit)


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # the source itself refuses a malformed URL
        return ""
