"""Answer requests for pages: who asks, which workspace, what is read, and what an error becomes."""

from collections.abc import Callable
from inspect import isawaitable, iscoroutinefunction
from secrets import token_urlsafe
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

from attrs import evolve, field, frozen
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from messaging_adapters.viewer.access import Admission, Admit, Visitor
from messaging_adapters.viewer.files import served_names
from messaging_adapters.viewer.headers import PRIVATE, page_headers
from messaging_adapters.viewer.page import Page
from messaging_adapters.viewer.page_request import PageRequest
from messaging_adapters.viewer.parameters import WORKSPACE, FilterError, Parameters
from messaging_adapters.viewer.problems import (
    NO_ACCESS,
    NOT_FOUND,
    ForbiddenError,
    Problem,
    problem_of,
)
from messaging_adapters.viewer.reads import Readers, Reads
from messaging_adapters.viewer.rendering import render_page, render_problem
from messaging_adapters.viewer.route_table import PAGES
from messaging_adapters.viewer.shell import Shell, bar_of, preferences_of, workspaces_of
from messaging_adapters.viewer.times import Times, zone_of
from messaging_adapters.viewer.urls import Urls
from messaging_adapters.viewer.view_json import view_json
from messaging_core.errors import NotFoundError
from messaging_core.host_code import fault_of
from messaging_core.lazy import logger
from messaging_core.messenger import Messenger

_log = logger(__name__)

_NONCE_BYTES: Final = 16
_SERVER_ERROR: Final = 500
_JSON: Final = "application/json"
_HTML: Final = "text/html"
_STRANGER: Final = Visitor(name="-")


@frozen(kw_only=True)
class Surface:
    """Answers the requests of all pages.

    Attributes:
        messenger: Knows everything that is shown.
        admit: Tells who sends a request.
        environment: The name of this system, in the bar.
        development: Whether a developer looks at messages of a machine of the developer's own.
    """

    messenger: Messenger
    admit: Admit
    environment: str
    development: bool = False
    readers: Readers = field(factory=Readers)

    async def answer(self, page: Page[Any], request: Request, *, as_json: bool) -> Response:
        """Answer a request for a page; only faults of the host's login are raised."""
        admission = await self._admission(request)
        if isinstance(admission, Response):
            return admission
        if admission is None:
            return self._problem(NO_ACCESS, request, None, page)
        try:
            return await self._page(page, request, admission, as_json=as_json)
        except Exception as error:  # noqa: BLE001 - shown as a page, and logged without content
            problem = problem_of(error)
            if problem.status == _SERVER_ERROR:
                _log.error("the page %s could not be made: %s", page.name, fault_of(error))
            return self._problem(problem, request, admission, page)

    async def _page(
        self, page: Page[Any], request: Request, visitor: Visitor, *, as_json: bool
    ) -> Response:
        """Return a page.

        Raises:
            ForbiddenError: The visitor lacks the right for it.
        """
        if page.right not in visitor.may:
            raise ForbiddenError(page.right)
        asked = self._asked(request, visitor, Parameters.parse(request.scope["query_string"]))
        model = await page.read(asked, Reads(self.messenger, self.readers))
        view = page.show(asked, model)
        if as_json:
            return _json(view)
        shell = self._shell(request, asked, page)
        html = render_page(page.name, shell, view)
        return Response(html, headers=page_headers(shell.nonce), media_type=_HTML)

    async def not_found(self, request: Request) -> Response:
        """Answer a request for a path that no page has."""
        admission = await self._admission(request)
        if isinstance(admission, Response):
            return admission
        return self._problem(NOT_FOUND if admission else NO_ACCESS, request, admission, None)

    async def _admission(self, request: Request) -> Admission:
        admit: Callable[[Request], Any] = self.admit
        if iscoroutinefunction(admit):
            answer = admit(request)
        else:
            answer = await run_in_threadpool(admit, request)
        admission: Admission = await answer if isawaitable(answer) else answer
        return admission

    def _asked(self, request: Request, visitor: Visitor, parameters: Parameters) -> PageRequest:
        """Return what a page is asked.

        Raises:
            NotFoundError: The workspace does not exist for the visitor.
        """
        workspace = _workspace(visitor, parameters)
        channels = self.messenger.channels.by_id
        preferences = preferences_of(request)
        return PageRequest(
            visitor=visitor,
            workspace=workspace,
            channels={id_: own for id_, own in channels.items() if own.workspace == workspace},
            path=request.path_params,
            parameters=parameters,
            urls=Urls(
                root=_root(request),
                workspace=workspace if len(visitor.workspaces) > 1 else None,
                files=served_names(),
            ),
            times=Times(now=self.messenger.clock.now(), zone=zone_of(preferences.zone)),
            development=self.development,
        )

    def _shell(self, request: Request, asked: PageRequest, page: Page[Any] | None) -> Shell:
        section = (page.section or page.name) if page else ""
        json_path = [*_segments(request)[:-1], f"{_segments(request)[-1]}.json"]
        return Shell(
            title=page.title if page else "Not found",
            environment=self.environment,
            links=bar_of(PAGES, asked.urls, section),
            workspaces=workspaces_of(asked.visitor, asked.urls, section),
            workspace=asked.visitor.workspaces[asked.workspace],
            visitor=asked.visitor.name,
            json_url=asked.urls.to(*json_path, query=asked.parameters.filters),
            preferences=preferences_of(request),
            nonce=token_urlsafe(_NONCE_BYTES),
            zone=asked.times.zone_name,
            zone_is_known=asked.times.zone is not None,
            urls=asked.urls,
        )

    def _problem(
        self, problem: Problem, request: Request, visitor: Visitor | None, page: Page[Any] | None
    ) -> Response:
        """Return a page about an error; the bar stays, if the visitor is known."""
        if request.scope["path"].endswith(".json"):
            return _json(problem, problem.status)
        asked = self._asked(request, visitor or _STRANGER, _readable(request, visitor))
        shell = self._shell(request, asked, page)
        if visitor is None:
            shell = evolve(shell, links=(), visitor=None)
        left = asked.parameters.without(problem.parameter or "").filters
        without = asked.urls.to(*_segments(request), query=left) if problem.parameter else None
        headers = page_headers(shell.nonce)
        if problem.retry_after:
            headers["refresh"] = headers["retry-after"] = str(problem.retry_after)
        html = render_problem(shell, problem, without)
        return Response(html, problem.status, headers=headers, media_type=_HTML)


def _json(view: Any, status: int = 200) -> Response:
    return Response(view_json(view), status, headers=dict(PRIVATE), media_type=_JSON)


def _root(request: Request) -> str:
    """Return the path at which the viewer is mounted, as it stands in URLs."""
    return quote(str(request.scope.get("root_path", "")).rstrip("/"), safe="/~")


def _segments(request: Request) -> list[str]:
    """Return the path below the viewer; proxies may have taken the path of the viewer away."""
    path, root = request.scope["path"], request.scope.get("root_path", "").rstrip("/")
    own = path.removeprefix(root) if f"{path}/".startswith(f"{root}/") else path
    return str(own).strip("/").split("/")


def _workspace(visitor: Visitor, parameters: Parameters) -> UUID:
    """Return the workspace that a link names, or the first of the visitor.

    Raises:
        NotFoundError: The visitor has no such workspace, whether it exists or not.
    """
    try:
        workspace = parameters.id(WORKSPACE) or next(iter(visitor.workspaces))
    except FilterError as error:
        raise NotFoundError("a workspace is named by its id") from error
    if workspace not in visitor.workspaces:
        raise NotFoundError("the visitor has no such workspace")
    return workspace


def _readable(request: Request, visitor: Visitor | None) -> Parameters:
    """Return as much of a query string as a page about an error can use."""
    try:
        parameters = Parameters.parse(request.scope["query_string"])
        _workspace(visitor or _STRANGER, parameters)
    except FilterError:
        return Parameters()
    except NotFoundError:
        return parameters.without(WORKSPACE)
    return parameters
