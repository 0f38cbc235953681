"""Answer requests for routes: who may call, what is done, and what an error becomes.

Nothing here knows a framework or a server: requests and answers are values.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from attrs import evolve, frozen

from messaging_adapters.asgi.access import Access, Action, Authenticate, resolved
from messaging_adapters.asgi.call import Call, Service
from messaging_adapters.asgi.health_readings import PATIENCE
from messaging_adapters.asgi.problems import (
    NOT_FOUND,
    SERVER_ERROR,
    ProblemError,
)
from messaging_adapters.asgi.request_rates import RequestRates
from messaging_adapters.asgi.route_table import Route
from messaging_core.host_code import fault_of
from messaging_core.lazy import logger
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.ports.http import HttpRequest, HttpResponse

_log = logger(__name__)

_UNAUTHORIZED: Final = 401
_FORBIDDEN: Final = 403
_UNSUPPORTED: Final = 415
_PROVIDER: Final = "provider"
_NO_PROVIDER: Final = "-"
_CHALLENGE: Final = {"www-authenticate": 'AccessKey realm="messaging"'}

ReadBody = Callable[[int | None], Awaitable[bytes]]
"""Read the body of a request, of at most so many bytes; `None` is any size."""


@frozen(kw_only=True)
class Surface:
    """Answers the requests of all routes.

    Attributes:
        service: What all calls work with.
        authenticate: Tells who sends a request.
        by_headers: It looks at headers only, so that no body of a stranger is read.
        max_webhook_bytes: How large the body of a provider's request may be; by default as large
            as the parser of the provider takes it.
        rates: Refuse the requests of a workspace that sends too many.
    """

    service: Service
    authenticate: Authenticate
    by_headers: bool = False
    max_webhook_bytes: int | None = None
    rates: RequestRates | None = None

    def knows_first(self, route: Route) -> bool:
        """Return whether the caller of a route is known before the body is read."""
        return self.by_headers and route.action is not None

    def most_bytes(self, route: Route, path: Mapping[str, str]) -> int | None:
        """Return how large the body of a request for a route may be; `None` is any size."""
        if route.max_bytes is not None:
            return route.max_bytes
        messenger = self.service.messenger.messenger
        if route.documents is None:
            most = messenger.max_webhook_size(path.get(_PROVIDER) or _NO_PROVIDER)
            return min(most, self.max_webhook_bytes or most)
        limit = messenger.context.limits.max_bytes
        return None if limit is None else limit * route.documents

    async def answer(
        self, route: Route, path: Mapping[str, str], head: HttpRequest, read: ReadBody
    ) -> HttpResponse:
        """Answer one request; never raises.

        Args:
            route: Which was asked for.
            path: The variable parts of its path, decoded.
            head: The request with the public URL, without its body.
            read: Returns the body of at most so many bytes, or raises a `ProblemError`.
        """
        try:
            answer = await self._answer(route, path, head, read)
        except Exception as error:  # noqa: BLE001 - answered, and logged without content
            answer = route.answer_problem(error)
            if answer.status >= SERVER_ERROR:
                _log.error("the route %s %s failed: %s", route.method, route.path, fault_of(error))
        return answer if route.action is None else _not_stored(answer)

    async def _answer(
        self, route: Route, path: Mapping[str, str], head: HttpRequest, read: ReadBody
    ) -> HttpResponse:
        needs_access, access = route.action is not None, None
        if self.knows_first(route):
            access = await self._authorized(route, path, head)
        request = evolve(head, body=await read(self.most_bytes(route, path)))
        if needs_access:
            access = access or await self._authorized(route, path, request)
            _check_body(request)
        if route.is_open:
            access = await self._allowed(route, path, request)
        call = Call(
            service=self.service,
            request=request,
            path=path,
            workspace=access.workspace if access else DEFAULT_WORKSPACE,
            is_allowed=access is not None,
        )
        return await route.handler(call)

    async def _allowed(
        self, route: Route, path: Mapping[str, str], request: HttpRequest
    ) -> Access | None:
        """Return the access of the sender, or nothing if the sender has none that allows a call.

        It is counted by no rate: a route that is open to all must be cheap by itself. Where a key
        cannot be verified now, the sender has none: `GET /health` answers while a storage hangs.
        """
        try:
            login = resolved(self.authenticate(request))
            access = await asyncio.wait_for(login, PATIENCE.total_seconds())
        except Exception as error:  # noqa: BLE001 - the answer says less, but it comes
            _log.error("a key could not be verified: %s", fault_of(error))
            return None
        resource = route.path.format_map(path)
        return access if access and access.allows(Action.VIEW, resource) else None

    async def _authorized(
        self, route: Route, path: Mapping[str, str], request: HttpRequest
    ) -> Access:
        """Return the access of the sender, if it allows the call.

        The workspace of another tenant is answered as one that does not exist, before any policy.
        """
        access = await resolved(self.authenticate(request))
        if access is None:
            raise ProblemError(_UNAUTHORIZED, headers=_CHALLENGE)
        if "workspaceId" in path and path["workspaceId"].lower() != str(access.workspace):
            raise ProblemError(NOT_FOUND)
        assert route.action is not None  # noqa: S101 - for mypy
        if not access.allows(route.action, route.path.format_map(path)):
            raise ProblemError(_FORBIDDEN)
        if self.rates is not None:
            await self.rates.admit(access.workspace, route.action)
        return access


def _not_stored(answer: HttpResponse) -> HttpResponse:
    """Keep an answer out of all caches: it has content, addresses or signed links."""
    return evolve(answer, headers={**answer.headers, "cache-control": "no-store"})


def _check_body(request: HttpRequest) -> None:
    """Refuse a body that says it is something else than JSON."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.body and kind and kind != "application/json" and not kind.endswith("+json"):
        raise ProblemError(_UNSUPPORTED)
