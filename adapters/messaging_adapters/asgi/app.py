"""The ASGI application: carries requests of a server to the routes, and answers back."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from functools import lru_cache, partial
from itertools import groupby
from typing import Final
from urllib.parse import quote, urlsplit

import orjson

from messaging_adapters.asgi.access import AccessKeys, Authenticate, authenticator
from messaging_adapters.asgi.call import Service
from messaging_adapters.asgi.health_readings import HealthReadings
from messaging_adapters.asgi.openapi import describe
from messaging_adapters.asgi.problems import ProblemError, answer_problem
from messaging_adapters.asgi.request_rates import RateOf, RequestRate, RequestRates
from messaging_adapters.asgi.route_table import ROUTES, SHORT_LINK, Route
from messaging_adapters.asgi.saga import Saga
from messaging_adapters.asgi.surface import Surface
from messaging_adapters.uploads.presigned import Uploads
from messaging_core.aio import AsyncMessenger
from messaging_core.errors import ConfigurationError, MissingDependencyError
from messaging_core.messenger import Messenger
from messaging_core.ports.http import HttpRequest, HttpResponse
from messaging_core.receipts.incoming_media import IncomingMedia
from messaging_core.worker import Worker

try:
    from starlette import routing
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.requests import Request
    from starlette.responses import Response

    from messaging_adapters.asgi.bodies import LargeBodies, read_body
except ImportError as error:
    raise MissingDependencyError("starlette", "asgi") from error

_NOT_FOUND: Final = 404
_IN_PATHS: Final = "/:@!$&'()*+,;="  # RFC 3986 §3.3
_WEBHOOKS: Final = ("/webhooks/",)
_SAGA: Final = ("/saga/",)
_Endpoint = Callable[[Request], Awaitable[Response]]


def make_app(  # noqa: PLR0913 - two are needed, the others have defaults
    messenger: Messenger | AsyncMessenger,
    *,
    access: AccessKeys | Authenticate,
    public_url: str | None = None,
    max_webhook_bytes: int | None = None,
    worker: Worker | None = None,
    within: timedelta = timedelta(seconds=30),
    saga: Saga | None = None,
    uploads: Uploads | None = None,
    rate: RequestRate | RateOf | None = None,
) -> Starlette:
    """Make an application with the routes of the Bird Channels API.

    Run it with any ASGI server, or mount it below a path of FastAPI, Starlette or Django. It calls
    no provider: a `Worker` delivers, in this process or in another.

    Args:
        messenger: Does the work; the caller closes it.
        access: The access keys, or a function of the host's own login.
        public_url: What providers call this application by, such as
            `https://shop.example/messaging`. Signatures of webhooks are checked with it. Without
            it there is no route for webhooks: the `Host` header of a request may be forged.
        max_webhook_bytes: How large the body of a provider's request may be; by default as large
            as the parser of the provider takes it, see `ReceiptParser`.
        worker: Tries to deliver the notifications of `POST /send` before they are answered, as
            the Mia-Platform Messaging Service does; see `Worker.notify`. Without it the answer
            tells only what is known when they are accepted.
        within: How long that may take.
        saga: How commands of a Flow Manager become notifications; without it there is no
            `POST /saga/send`.
        uploads: Lets callers upload media, and fetch the media of messages; without it there are
            no routes for media.
        rate: How many requests a second each workspace may send, or a function that returns it.
            All processes count together on the storage of the messenger. Without it there is no
            limit.

    Raises:
        ConfigurationError: The URL is none, or `uploads` and the `incoming_media` of the messenger
            have different stores or URLs.
        MissingDependencyError: Starlette is not installed, or python-multipart where there are
            uploads.
    """
    if isinstance(messenger, Messenger):
        messenger = AsyncMessenger(messenger)
    surface = Surface(
        service=Service(
            messenger=messenger,
            worker=worker,
            within=within,
            saga=saga,
            uploads=uploads,
            health=HealthReadings(messenger),
        ),
        authenticate=access if callable(access) else authenticator(access),
        by_headers=not callable(access),
        max_webhook_bytes=max_webhook_bytes,
        rates=_rates(messenger.messenger, rate),
    )
    base = None if public_url is None else _checked_url(public_url)
    left_out = (_WEBHOOKS if base is None else ()) + (_SAGA if saga is None else ())
    served = [
        route
        for route in ROUTES
        if not (route.path.startswith(left_out) or (route.needs_uploads and uploads is None))
    ]
    # Two, so that strangers do not take the room of callers who are known.
    bodies = {is_known: LargeBodies() for is_known in (True, False)}
    routes = [
        _endpoint(surface, path, tuple(of_path), base, bodies)
        for path, of_path in groupby(served, key=lambda route: route.path)
    ]
    if uploads is not None:
        _check_incoming(messenger.messenger.inbox.media, uploads)
        from messaging_adapters.asgi.media_transfer import media_routes  # noqa: PLC0415 - on demand

        routes[:0] = media_routes(uploads)  # before the path that every short link fits
    routes.insert(0, routing.Route("/openapi.json", _description(served, base), methods=["GET"]))
    app = Starlette(routes=routes, exception_handlers={HTTPException: _refuse})
    app.router.redirect_slashes = False
    return app


def _check_incoming(media: IncomingMedia | None, uploads: Uploads) -> None:
    """Refuse media of incoming messages that the routes for media would not find."""
    if media is None:
        return
    if media.store is not uploads.store or media.base_url != uploads.base_url:
        remedy = "IncomingMedia(store=uploads.store, base_url=uploads.base_url, source=…)"
        raise ConfigurationError(f"uploads and incoming_media must have one store: write {remedy}")


def _rates(messenger: Messenger, rate: RequestRate | RateOf | None) -> RequestRates | None:
    if rate is None:
        return None
    context = messenger.context
    rate_of = (lambda _: rate) if isinstance(rate, RequestRate) else rate
    return RequestRates(context.storage, rate_of, clock=context.clock)


def _description(served: Sequence[Route], base: str | None) -> _Endpoint:
    """Return what answers with the OpenAPI document, wherever the application is mounted."""

    @lru_cache(maxsize=8)  # no key is needed to ask, so asking must be cheap
    def document(server: str) -> bytes:
        return orjson.dumps(describe(served, server=server))

    async def openapi(request: Request) -> Response:
        server = base or request.scope.get("root_path") or "/"
        return Response(document(server), media_type="application/json")

    return openapi


def _endpoint(
    surface: Surface,
    path: str,
    routes: Sequence[Route],
    base: str | None,
    bodies: Mapping[bool, LargeBodies],
) -> routing.Route:
    """Return the Starlette route of a path, for all its methods."""
    by_method = {route.method: route for route in routes}

    async def endpoint(request: Request) -> Response:
        route = by_method.get(request.method)
        if route is None and path == SHORT_LINK:  # it fits what does not exist too
            raise HTTPException(_NOT_FOUND)
        if route is None:
            raise HTTPException(405, headers={"allow": ", ".join(sorted(by_method))})
        with bodies[surface.knows_first(route)].holding() as grow:
            answer = await surface.answer(
                route,
                request.path_params,
                _value_of(request, base),
                partial(read_body, request.stream(), grow=grow),
            )
        return _response(answer)

    starlette_route = routing.Route(path, endpoint)
    starlette_route.methods = None  # `endpoint` answers every method
    return starlette_route


def _value_of(request: Request, base: str | None) -> HttpRequest:
    """Return a request without its body, with the URL by which the world calls it."""
    # Some servers, such as those of serverless functions, do not have the path as it came.
    raw = request.scope.get("raw_path") or quote(request.scope["path"], safe=_IN_PATHS).encode()
    path = raw.decode("ascii", errors="replace")
    path = path.partition("?")[0].removeprefix(request.scope.get("root_path", ""))
    query = request.scope["query_string"].decode("ascii", errors="replace")
    return HttpRequest(
        method=request.method,
        url=(base or "") + path + (f"?{query}" if query else ""),
        headers=dict(request.headers),
    )


def _response(answer: HttpResponse) -> Response:
    return Response(answer.body, status_code=answer.status, headers=dict(answer.headers))


def _refuse(_: Request, error: Exception) -> Response:
    """Answer what no route answers: 404 and 405, in the form of all errors."""
    assert isinstance(error, HTTPException)  # noqa: S101 - Starlette calls it for no other
    return _response(answer_problem(ProblemError(error.status_code, headers=error.headers or {})))


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.query or parts.fragment:
        text = f"public_url must be such as https://shop.example/messaging, not {url!r}"
        raise ConfigurationError(text)
    return url.rstrip("/")
