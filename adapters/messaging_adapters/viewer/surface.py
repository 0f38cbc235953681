"""Answer requests: who asks, what is read or done, and what an error becomes."""

from collections.abc import Awaitable, Callable
from inspect import isawaitable, iscoroutinefunction
from typing import Any, Final
from uuid import UUID

from attrs import evolve, field, frozen
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from messaging_adapters.viewer import csrf
from messaging_adapters.viewer.access import Admission, Admit, Right, Visitor
from messaging_adapters.viewer.forms import Form, FormAnswer, SeeOther, read_form
from messaging_adapters.viewer.framing import Framing, json_answer, origin_of
from messaging_adapters.viewer.headers import PRIVATE
from messaging_adapters.viewer.limits import SharedLimit
from messaging_adapters.viewer.page import Page
from messaging_adapters.viewer.page_request import PageRequest
from messaging_adapters.viewer.parameters import FilterError, Parameters
from messaging_adapters.viewer.problem_count import ProblemCount
from messaging_adapters.viewer.problems import (
    NO_ACCESS,
    ForbiddenError,
    LoginError,
    RefusedFormError,
    problem_of,
)
from messaging_adapters.viewer.reads import Readers, Reads
from messaging_adapters.viewer.resources import Resource
from messaging_core.arguments import described
from messaging_core.errors import ArgumentError, NotFoundError
from messaging_core.host_code import fault_of
from messaging_core.lazy import logger

_log = logger(__name__)

_SERVER_ERROR: Final = 500
_SEE_OTHER: Final = 303
_PER_SECOND: Final = 10
_BURST: Final = 40
_OWN: Final = 10  # of a burst, by each process without asking the storage
_LOOK_UPS: Final = 30  # a minute

Respond = Callable[[PageRequest], Awaitable[Response]]


@frozen(kw_only=True)
class Surface:
    """Answers the requests of all pages.

    Attributes:
        framing: Frames the pages.
        admit: Tells who sends a request.
        public_url: By which browsers call the viewer; by default what the request says.
    """

    framing: Framing
    admit: Admit
    public_url: str | None = None
    readers: Readers = field(factory=Readers)
    _limit: SharedLimit = field(init=False)
    _look_up_limit: SharedLimit = field(init=False)
    _problems: ProblemCount = field(init=False)
    _secret: list[bytes] = field(factory=list, init=False, repr=False)

    @_limit.default
    def _requests(self) -> SharedLimit:
        return SharedLimit(
            self.framing.messenger,
            self.readers,
            name="viewer.requests",
            number=_BURST - _OWN,
            seconds=_BURST / _PER_SECOND,
            own=_OWN,
        )

    @_look_up_limit.default
    def _look_ups(self) -> SharedLimit:
        return SharedLimit(
            self.framing.messenger,
            self.readers,
            name="viewer.look-ups",
            number=_LOOK_UPS,
            seconds=60,
        )

    @_problems.default
    def _counted(self) -> ProblemCount:
        return ProblemCount(messenger=self.framing.messenger, readers=self.readers)

    async def answer(self, page: Page[Any], request: Request, *, as_json: bool) -> Response:
        """Answer a request for a page."""

        async def respond(asked: PageRequest) -> Response:
            model = await page.read(asked, self._reads())
            view = page.show(asked, model)
            if as_json:
                return json_answer(view)
            token = await self._token(asked)
            problems = await self._problems.of(asked)
            return self.framing.page(page, request, asked, view, token=token, problems=problems)

        return await self._guarded(request, page, page.right, respond)

    async def submit(self, form: Form, request: Request) -> Response:
        """Answer a form that a visitor sent."""

        async def respond(asked: PageRequest) -> Response:
            fields = await read_form(request)
            token = await self._token(asked)
            origin = origin_of(request, self.public_url)
            if refusal := csrf.refusal_of(request.headers, origin=origin):
                raise RefusedFormError(refusal)
            asked = evolve(asked, form=fields.without(csrf.FIELD, csrf.AGAIN))
            if not csrf.fits(fields.get(csrf.FIELD) or "", token):
                if fields.get(csrf.AGAIN):
                    raise RefusedFormError(csrf.NOT_SHARED)
                return self.framing.returned_form(request, asked, form.page, token=token)
            if form.is_look_up:
                await self._look_up_limit.take(asked.visitor.name)
            try:
                answer: FormAnswer = await form.submit(asked, self._reads())
            except FilterError as error:  # a field: what was typed comes back, to be corrected
                problem = problem_of(error)
                return self.framing.returned_form(
                    request, asked, form.page, token=token, problem=problem
                )
            if isinstance(answer, SeeOther):
                return RedirectResponse(answer.url, _SEE_OTHER, headers=dict(PRIVATE))
            return self.framing.page(
                answer.page,
                request,
                asked,
                answer.view,
                token=token,
                status=answer.status,
                problems=await self._problems.of(asked),
            )

        return await self._guarded(request, form.page, form.right, respond)

    async def document(self, resource: Resource, request: Request) -> Response:
        """Answer a request for what is no page."""

        async def respond(asked: PageRequest) -> Response:
            document = await resource.answer(asked, self._reads())
            headers = dict(document.headers)
            return Response(document.body, document.status, headers, document.media_type)

        return await self._guarded(request, None, resource.right, respond)

    async def not_found(self, request: Request) -> Response:
        """Answer a request for a path that no page has."""

        async def respond(_: PageRequest) -> Response:
            raise NotFoundError("no page has this path")

        return await self._guarded(request, None, Right.LOOK, respond)

    async def _guarded(
        self, request: Request, page: Page[Any] | None, right: Right, respond: Respond
    ) -> Response:
        """Return an answer for a visitor who has a right; else a page that says what is wrong."""
        visitor: Visitor | None = None
        try:
            admission = await self._admission(request)
            if isinstance(admission, Response):
                return admission
            if admission is None:
                return self.framing.problem(NO_ACCESS, request, None, page)
            visitor = admission
            await self._limit.take(visitor.name)
            return await respond(self._asked(request, visitor, right))
        except Exception as error:  # noqa: BLE001 - shown as a page, and logged without content
            problem = problem_of(error)
            if problem.status == _SERVER_ERROR:
                name = page.name if page else "document"
                _log.error("the page %s could not be made: %s", name, _fault(error))
            return self.framing.problem(problem, request, visitor, page)

    def _asked(self, request: Request, visitor: Visitor, right: Right) -> PageRequest:
        """Return what is asked.

        Raises:
            ForbiddenError: The visitor lacks the right for it.
            NotFoundError: The workspace does not exist for the visitor.
        """
        asked = self.framing.asked(
            request, visitor, Parameters.parse(request.scope["query_string"])
        )
        if not asked.may(right):
            raise ForbiddenError(right)
        return asked

    def _reads(self) -> Reads:
        return Reads(self.framing.messenger, self.readers)

    async def _admission(self, request: Request) -> Admission:
        admit: Callable[[Request], Any] = self.admit
        if iscoroutinefunction(admit):
            answer = admit(request)
        else:
            answer = await run_in_threadpool(admit, request)
        admission: Any = await answer if isawaitable(answer) else answer
        if admission is None or isinstance(admission, Visitor | Response):
            return admission
        raise LoginError(f"access= returned {described(admission)}")

    async def _token(self, asked: PageRequest) -> str:
        """Return the token of forms for a visitor and a workspace."""
        if not self._secret:
            secret = self.framing.messenger.page_records.secret
            self._secret.append(await self.readers.act(secret))
        return token_for(self._secret[0], asked.visitor, asked.workspace)


def _fault(error: Exception) -> str:
    """Return what to log; the texts of these two quote nothing of a message."""
    is_told = isinstance(error, LoginError | ArgumentError)
    return f"{fault_of(error)}: {error}" if is_told else fault_of(error)


def token_for(secret: bytes, visitor: Visitor, workspace: UUID) -> str:
    """Return the token of forms: of the session, or of the name that the host gives."""
    return csrf.token_of(secret, visitor.session or visitor.name, workspace)
