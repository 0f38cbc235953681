"""The viewer as an ASGI application: mount it below any path of a host, or serve it alone."""

import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

from messaging_core.arguments import a_text, checked, flag, optional, refuse
from messaging_core.errors import MissingDependencyError
from messaging_core.messenger import Messenger
from messaging_core.ports.components import A_MESSENGER

try:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import RedirectResponse, Response
    from starlette.routing import Route
except ImportError as error:
    raise MissingDependencyError("starlette", "viewer") from error

from messaging_adapters.asgi.access import AccessKeys
from messaging_adapters.viewer.access import Admit
from messaging_adapters.viewer.files import static_files
from messaging_adapters.viewer.forms import Form
from messaging_adapters.viewer.framing import Framing
from messaging_adapters.viewer.headers import ALWAYS, FOREVER, PRIVATE
from messaging_adapters.viewer.nonces import HostNonce
from messaging_adapters.viewer.page import Page
from messaging_adapters.viewer.problems import problem_of
from messaging_adapters.viewer.reads import Readers
from messaging_adapters.viewer.resources import Resource
from messaging_adapters.viewer.route_table import FORMS, PAGES, RESOURCES
from messaging_adapters.viewer.sessions import KeySessions
from messaging_adapters.viewer.surface import Surface

_NOT_FOUND: Final = 404
_GET: Final = ["GET"]
_POST: Final = ["POST"]


def _access(value: Any, name: str) -> Any:
    is_text = isinstance(value, str | bytes)
    if not is_text and (callable(value) or callable(getattr(value, "find", None))):
        return value
    remedy = "pass a function from a request to a Visitor, or AccessKeyTable(...)"
    raise refuse(name, "a login or access keys", value, remedy)


def _public_url(value: Any, name: str) -> Any:
    if isinstance(value, str) and re.fullmatch("https?://[^/?#@ ]+(/[^?# ]*)?", value):
        return value
    remedy = "write what browsers show, such as https://shop.example/viewer"
    raise refuse(name, "a URL that begins with https:// or http://", value, remedy)


def _nonce(value: Any, name: str) -> Any:
    if callable(value):
        return value
    raise refuse(name, "a function", value, "pass a function from a request to a nonce")


@checked(
    messenger=A_MESSENGER,
    access=_access,
    environment=a_text,
    public_url=optional(_public_url),
    development=flag,
    nonce=optional(_nonce),
)
def viewer(  # noqa: PLR0913 - by keyword
    messenger: Messenger,
    *,
    access: Admit | AccessKeys,
    environment: str = "production",
    public_url: str | None = None,
    development: bool = False,
    nonce: HostNonce | None = None,
) -> Starlette:
    """Make the application with all pages.

    It only looks: it delivers nothing, and it changes nothing unless a visitor with the right to
    do so sends a form. It loads nothing from anywhere, and nothing of a message.

    Args:
        messenger: Knows everything that is shown; the caller closes it.
        access: The host's own login: a function, also an asynchronous one, from a request of
            Starlette to a `Visitor`, to nothing, or to a response such as a redirect to a login
            page. It is called for each request but those of the style sheet and the script. Or
            access keys: a visitor types one into a form, and has a session of eight hours with the
            rights that its policies give; see `rights_of`.
        environment: The name of this system, which every page shows.
        public_url: How browsers call the viewer, such as `https://shop.example/viewer`. Forms from
            other origins are refused. By default the `Host` header of each request counts, which
            is right unless a proxy changes it.
        development: Whether pages help a developer to send the first message.
        nonce: Returns the nonce of the host's own Content-Security-Policy for a request, such as
            `lambda request: request.state.nonce`. Without it, a policy that the host adds to every
            answer refuses the style sheet and the script. By default each answer has its own.

    Raises:
        ArgumentError: An argument is none of these.
        MissingDependencyError: Starlette or Jinja is not installed.
    """
    framing = Framing(
        messenger=messenger,
        environment=environment,
        development=development,
        can_sign_out=not callable(access),
        host_nonce=nonce,
    )
    readers = Readers()
    doors: list[Route] = []
    if not callable(access):
        is_plain = (public_url or "").startswith("http://")
        sessions = KeySessions(framing, access, readers, public_url=public_url, secure=not is_plain)
        doors, access = _doors(framing, sessions), sessions.admit
    surface = Surface(framing=framing, admit=access, readers=readers, public_url=public_url)
    app = Starlette(
        routes=[
            Route("/", _start, methods=_GET),
            Route("/static/{name}", _file, methods=_GET),
            *doors,
            *(_form_route(surface, form) for form in FORMS),
            *(_resource_route(surface, resource) for resource in RESOURCES),
            *(route for page in PAGES for route in _routes(surface, page)),
            _everything_else(surface),
        ]
    )
    app.router.redirect_slashes = False
    return app


def _doors(framing: Framing, sessions: KeySessions) -> list[Route]:
    """Return the routes by which visitors with keys sign in and out."""

    def guarded(answer: Callable[[Request], Awaitable[Response]]) -> Any:
        async def endpoint(request: Request) -> Response:
            try:
                return await answer(request)
            except Exception as error:  # noqa: BLE001 - shown as a page
                return framing.problem(problem_of(error), request, None, None)

        return endpoint

    return [
        Route("/login", guarded(sessions.door), methods=_GET),
        Route("/login", guarded(sessions.sign_in), methods=_POST),
        Route("/logout", guarded(sessions.sign_out), methods=_POST),
    ]


def _routes(surface: Surface, page: Page[Any]) -> list[Route]:
    """Return the routes of a page: as JSON, and as HTML."""

    async def as_json(request: Request) -> Response:
        return await surface.answer(page, request, as_json=True)

    async def as_html(request: Request) -> Response:
        return await surface.answer(page, request, as_json=False)

    return [
        Route(f"{page.path}.json", as_json, methods=_GET),
        Route(page.path, as_html, methods=_GET),
    ]


def _form_route(surface: Surface, form: Form) -> Route:
    async def submit(request: Request) -> Response:
        return await surface.submit(form, request)

    return Route(form.path, submit, methods=_POST)


def _resource_route(surface: Surface, resource: Resource) -> Route:
    async def answer(request: Request) -> Response:
        return await surface.document(resource, request)

    return Route(resource.path, answer, methods=_GET)


def _everything_else(surface: Surface) -> Route:
    route = Route("/{path:path}", surface.not_found)
    route.methods = None  # it answers every method
    return route


async def _start(request: Request) -> Response:
    """Lead to the first page of the bar."""
    root = request.scope.get("root_path", "").rstrip("/")
    return RedirectResponse(root + PAGES[0].path, headers=dict(PRIVATE))


async def _file(request: Request) -> Response:
    """Answer with the style sheet or the script; they hold nothing of any message."""
    for file in static_files().values():
        if file.name == request.path_params["name"]:
            return Response(file.content, headers=dict(FOREVER), media_type=file.media_type)
    return Response(status_code=_NOT_FOUND, headers=dict(ALWAYS))
