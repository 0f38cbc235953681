"""From a request to what a page is asked, and from what it shows to an answer with its frame."""

import re
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

from attrs import evolve, frozen
from starlette.requests import Request
from starlette.responses import Response

from messaging_adapters.viewer import csrf
from messaging_adapters.viewer.access import Visitor
from messaging_adapters.viewer.files import served_names
from messaging_adapters.viewer.headers import PRIVATE, page_headers
from messaging_adapters.viewer.nonces import HostNonce, nonce_of
from messaging_adapters.viewer.page import Page
from messaging_adapters.viewer.page_request import PageRequest
from messaging_adapters.viewer.parameters import WORKSPACE, FilterError, Parameters
from messaging_adapters.viewer.problems import Problem
from messaging_adapters.viewer.rendering import render_page, render_problem
from messaging_adapters.viewer.route_table import PAGES
from messaging_adapters.viewer.shell import Shell, bar_of, name_of, preferences_of, workspaces_of
from messaging_adapters.viewer.times import Times, zone_of
from messaging_adapters.viewer.urls import Urls
from messaging_adapters.viewer.view_json import view_json
from messaging_core.errors import NotFoundError
from messaging_core.messenger import Messenger

_FORBIDDEN: Final = 403
_JSON: Final = "application/json"
_HTML: Final = "text/html"
_HOST: Final = re.compile(r"[A-Za-z0-9.-]+(:[0-9]+)?|\[[0-9A-Fa-f:.]+\](:[0-9]+)?")
STRANGER: Final = Visitor(name="-")
"""Who sees a page about an error without being admitted."""


_STALE: Final = Problem(
    status=_FORBIDDEN,
    title="Nothing was done yet",
    remedy="The form is older than your session. Here it is as you sent it.",
)


@frozen(kw_only=True)
class ReturnedForm:
    """A form that could not be used, with what was typed."""

    title: str
    remedy: str
    url: str
    fields: tuple[tuple[str, str], ...]
    is_stale: bool


@frozen(kw_only=True)
class Framing:
    """Frames pages: bar, theme, zone, nonce and token.

    Attributes:
        messenger: Has the channels and the clock.
        environment: The name of this system, in the bar.
        development: Whether a developer looks at messages of a machine of the developer's own.
        can_sign_out: Whether visitors have sessions of this viewer.
        host_nonce: Returns the nonce of the host's own policy, if it has one.
    """

    messenger: Messenger
    environment: str
    development: bool = False
    can_sign_out: bool = False
    host_nonce: HostNonce | None = None

    def asked(self, request: Request, visitor: Visitor, parameters: Parameters) -> PageRequest:
        """Return what a page is asked.

        Raises:
            NotFoundError: The workspace does not exist for the visitor.
        """
        workspace = _workspace(visitor, parameters)
        channels = self.messenger.channels.by_id
        return PageRequest(
            visitor=visitor,
            workspace=workspace,
            channels={id_: own for id_, own in channels.items() if own.workspace == workspace},
            path=request.path_params,
            parameters=parameters,
            urls=Urls(
                root=root_of(request),
                workspace=workspace if len(visitor.workspaces) > 1 else None,
                files=served_names(),
            ),
            times=Times(now=self.messenger.clock.now(), zone=zone_of(preferences_of(request).zone)),
            development=self.development,
        )

    def page(  # noqa: PLR0913 - all that makes a page
        self,
        page: Page[Any],
        request: Request,
        asked: PageRequest,
        view: Any,
        *,
        token: str,
        status: int = 200,
        problems: int = 0,
    ) -> Response:
        """Return a page as HTML."""
        shell = self._shell(request, asked, page, token, problems=problems)
        html = render_page(page.name, shell, view)
        headers = page_headers(shell.nonce, frames=_frames(page, request, view))
        return Response(html, status, headers=headers, media_type=_HTML)

    def door(self, request: Request, view: Any, *, status: int) -> Response:
        """Return the page at which a visitor signs in."""
        asked = self.asked(request, STRANGER, Parameters())
        shell = self._shell(request, asked, None, "", is_known=False)
        html = render_page("login", evolve(shell, title="Sign in"), view)
        return Response(html, status, headers=page_headers(shell.nonce), media_type=_HTML)

    def returned_form(
        self,
        request: Request,
        asked: PageRequest,
        page: Page[Any] | None,
        *,
        token: str,
        problem: Problem = _STALE,
    ) -> Response:
        """Return a form filled in as it was sent, to be corrected, or to be sent once more."""
        shell = self._shell(request, asked, page, token)
        url = asked.urls.to(*segments_of(request))
        view = ReturnedForm(
            title=problem.title,
            remedy=problem.remedy,
            url=url,
            fields=asked.form.pairs,
            is_stale=problem is _STALE,
        )
        html = render_page("returned_form", shell, view)
        headers = page_headers(shell.nonce)
        return Response(html, problem.status, headers=headers, media_type=_HTML)

    def problem(
        self, problem: Problem, request: Request, visitor: Visitor | None, page: Page[Any] | None
    ) -> Response:
        """Return a page about an error; the bar stays, if the visitor is known."""
        if request.scope["path"].endswith(".json"):
            return json_answer(problem, problem.status)
        asked = self.asked(request, visitor or STRANGER, _readable(request, visitor))
        shell = self._shell(request, asked, page, "", is_known=visitor is not None)
        shell = evolve(shell, json_url=None)
        left = asked.parameters.without(problem.parameter or "").filters
        without = asked.urls.to(*segments_of(request), query=left) if problem.parameter else None
        headers = page_headers(shell.nonce)
        if problem.retry_after:
            headers["retry-after"] = str(problem.retry_after)
            if request.method == "GET":  # a form is not sent again by itself
                headers["refresh"] = str(problem.retry_after)
        html = render_problem(shell, problem, without if request.method == "GET" else None)
        return Response(html, problem.status, headers=headers, media_type=_HTML)

    def _shell(  # noqa: PLR0913 - all that makes a shell
        self,
        request: Request,
        asked: PageRequest,
        page: Page[Any] | None,
        token: str,
        *,
        is_known: bool = True,
        problems: int = 0,
    ) -> Shell:
        section = (page.section or page.name) if page else ""
        *folders, name = segments_of(request)
        json_url = asked.urls.to(*folders, f"{name}.json", query=asked.parameters.filters)
        return Shell(
            title=page.title if page else "Not found",
            environment=self.environment,
            links=bar_of(_pages_of(asked), asked.urls, section, problems) if is_known else (),
            workspaces=workspaces_of(asked.visitor, asked.urls, section),
            workspace=name_of(asked.visitor, asked.workspace),
            visitor=asked.visitor.name if is_known else None,
            json_url=json_url if page and request.method == "GET" else None,
            preferences=preferences_of(request),
            csrf=token,
            can_sign_out=self.can_sign_out and is_known,
            nonce=nonce_of(request, self.host_nonce),
            zone=asked.times.zone_name,
            zone_is_known=asked.times.zone is not None,
            urls=asked.urls,
        )


def _frames(page: Page[Any], request: Request, view: Any) -> str:
    """Return what a page may embed: the one document that its view names, or nothing."""
    path = page.frame(view) if page.frame else None
    if path is None:
        return "'none'"
    host = request.headers.get("host", "")
    # A source list names a path only together with a host.
    return f"{host}{path.partition('?')[0]}" if _HOST.fullmatch(host) else "'self'"


def _pages_of(asked: PageRequest) -> list[Page[Any]]:
    """Return the pages that a visitor may see."""
    return [page for page in PAGES if asked.may(page.right)]


def json_answer(view: Any, status: int = 200) -> Response:
    """Return a view as JSON."""
    return Response(view_json(view), status, headers=dict(PRIVATE), media_type=_JSON)


def root_of(request: Request) -> str:
    """Return the path at which the viewer is mounted, as it stands in URLs."""
    return quote(str(request.scope.get("root_path", "")).rstrip("/"), safe="/~")


def segments_of(request: Request) -> list[str]:
    """Return the path below the viewer; proxies may have taken the path of the viewer away."""
    path, root = request.scope["path"], request.scope.get("root_path", "").rstrip("/")
    own = path.removeprefix(root) if f"{path}/".startswith(f"{root}/") else path
    return str(own).strip("/").split("/")


def origin_of(request: Request, public_url: str | None) -> str:
    """Return the origin by which browsers call the viewer."""
    url = public_url or f"{request.scope['scheme']}://{request.headers.get('host', '')}"
    return csrf.origin_of(url)


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
        _workspace(visitor or STRANGER, parameters)
    except FilterError:
        return Parameters()
    except NotFoundError:
        return parameters.without(WORKSPACE)
    return parameters
