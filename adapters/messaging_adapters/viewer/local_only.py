"""Answer a browser on this machine only: no website, and no name that was bound to it again."""

from collections.abc import Collection

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from messaging_adapters.viewer.headers import PRIVATE

_FORBIDDEN = 403


class LocalOnly:
    """Refuses requests with another `Host` or `Origin` than those of this server.

    A website can let a name of its own point to 127.0.0.1, and would then read what is served
    there without a key. The browser sends the name that it was given.

    Args:
        app: Answers the others.
        hosts: The values of `Host` that are answered, such as `localhost:8026`.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self._app = app
        self._hosts = frozenset(hosts)
        self._origins = frozenset(f"http://{host}" for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and (fault := self._fault(HTTPConnection(scope))):
            answer = PlainTextResponse(fault, _FORBIDDEN, headers=dict(PRIVATE))
            await answer(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _fault(self, connection: HTTPConnection) -> str | None:
        """Return which header does not fit; what it holds is not repeated."""
        if connection.headers.get("host", "").lower() not in self._hosts:
            return f"The header Host is none of {', '.join(sorted(self._hosts))}.\n"
        origin = connection.headers.get("origin")
        # Pages without a referrer send null; forms have a token, and scripts cannot read answers.
        if origin not in {None, "null"} and origin not in self._origins:
            return f"The header Origin is none of {', '.join(sorted(self._origins))}.\n"
        return None
