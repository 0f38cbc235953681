"""Visitors who have an access key: the key is typed once, and becomes a session of eight hours."""

import re
import secrets
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from inspect import isawaitable
from typing import Final
from urllib.parse import parse_qs, quote
from uuid import UUID

import orjson
from attrs import frozen
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from messaging_adapters.asgi.access import Access, AccessKeys, Action
from messaging_adapters.viewer import csrf
from messaging_adapters.viewer.access import Admission, Right, Visitor
from messaging_adapters.viewer.forms import read_form
from messaging_adapters.viewer.framing import Framing, origin_of, root_of, segments_of
from messaging_adapters.viewer.headers import PRIVATE
from messaging_adapters.viewer.limits import SharedLimit
from messaging_adapters.viewer.reads import Readers
from messaging_core.models.common.audit import AuditAction
from messaging_core.models.common.expiring_record import RecordKind

COOKIE: Final = "messaging_session"
_LIFETIME: Final = timedelta(hours=8)
_TOKEN_BYTES: Final = 32
_SEE_OTHER: Final = 303
_UNAUTHORIZED: Final = 401
_PLACE: Final = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")
_RESOURCES: Final = {
    Right.LOOK: (Action.VIEW, "/viewer"),
    Right.CONTENT: (Action.VIEW, "/viewer/content"),
    Right.ADDRESSES: (Action.VIEW, "/viewer/addresses"),
    Right.SECRETS: (Action.VIEW, "/viewer/secrets"),
    Right.AUDIT: (Action.VIEW, "/viewer/audit"),
    Right.ACT: (Action.UPDATE, "/viewer/messages"),
    Right.ACT_MANY: (Action.UPDATE, "/viewer/batches"),
}


def rights_of(access: Access) -> frozenset[Right]:
    """Return the rights that the policies of a key give."""
    return frozenset(
        right
        for right, (action, path) in _RESOURCES.items()
        if access.allows(action, f"/workspaces/{access.workspace}{path}")
    )


@frozen(kw_only=True)
class DoorView:
    """What the page shows at which a visitor signs in.

    Attributes:
        fault: Why the last try failed.
        action: Where the form goes.
        place: Where the visitor wanted to go.
    """

    fault: str | None
    action: str
    place: str


class KeySessions:
    """Signs visitors in and out.

    Args:
        framing: Has the messenger, and frames the page.
        keys: Know the access keys.
        readers: The threads on which requests are counted.
        public_url: By which browsers call the viewer.
        secure: Whether the cookie is sent over https only.
    """

    def __init__(
        self,
        framing: Framing,
        keys: AccessKeys,
        readers: Readers,
        *,
        public_url: str | None,
        secure: bool,
    ) -> None:
        self._framing = framing
        self._keys = keys
        self._public_url = public_url
        self._secure = secure
        self._tries = SharedLimit(
            framing.messenger, readers, name="viewer.sign-ins", number=30, seconds=60
        )

    async def admit(self, request: Request) -> Admission:
        """Return the visitor of a session; one without is led to the page that signs in."""
        if visitor := await self._visitor(request):
            return visitor
        if request.method != "GET" or request.scope["path"].endswith(".json"):
            return None
        query = request.scope["query_string"].decode("ascii", errors="replace")
        place = "/" + "/".join(segments_of(request)) + (f"?{query}" if query else "")
        url = f"{root_of(request)}/login?place={quote(place, safe='')}"
        return RedirectResponse(url, _SEE_OTHER, headers=dict(PRIVATE))

    async def door(self, request: Request) -> Response:
        """Answer with the page at which a visitor signs in."""
        return self._door(request, None, _place_in(request))

    async def sign_in(self, request: Request) -> Response:
        """Exchange an access key for a session."""
        form = await read_form(request)
        place = _checked(form.get("place"))
        if refusal := self._refusal(request):
            return self._door(request, refusal, place)
        client = request.client.host if request.client else "-"
        await self._tries.take(client)
        access = self._keys.find((form.get("key") or "").strip())
        access = await access if isawaitable(access) else access
        rights = rights_of(access) if access else frozenset()
        if access is None or Right.LOOK not in rights:
            fault = "No such key, or it may not view /workspaces/*/viewer."
            return self._door(request, fault, place)
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        await run_in_threadpool(self._open, token, access, rights)
        answer = RedirectResponse(f"{root_of(request)}{place}", _SEE_OTHER, headers=dict(PRIVATE))
        self._set_cookie(answer, request, token, _LIFETIME)
        return answer

    async def sign_out(self, request: Request) -> Response:
        """End a session."""
        if self._refusal(request) is None and (token := request.cookies.get(COOKIE)):
            records = self._framing.messenger.page_records
            await run_in_threadpool(records.delete, RecordKind.SESSION, _hashed(token))
        answer = RedirectResponse(f"{root_of(request)}/login", _SEE_OTHER, headers=dict(PRIVATE))
        self._set_cookie(answer, request, "", timedelta(0))
        return answer

    async def _visitor(self, request: Request) -> Visitor | None:
        token = request.cookies.get(COOKIE)
        if not token:
            return None
        hashed = _hashed(token)
        records = self._framing.messenger.page_records
        value = await run_in_threadpool(records.get, RecordKind.SESSION, hashed)
        if value is None:
            return None
        name, workspace, rights = orjson.loads(value)
        return Visitor(
            name=name,
            workspaces={UUID(workspace): ""},
            may=frozenset(map(Right, rights)),
            session=hashed,
        )

    def _open(self, token: str, access: Access, rights: frozenset[Right]) -> None:
        messenger = self._framing.messenger
        entry = messenger.audit.entry(
            AuditAction.SIGNED_IN, actor=access.name, workspace=access.workspace
        )
        messenger.audit.record(entry)
        value = orjson.dumps([access.name, str(access.workspace), sorted(rights)]).decode()
        messenger.page_records.put(RecordKind.SESSION, _hashed(token), value, lifetime=_LIFETIME)

    def _set_cookie(
        self, answer: Response, request: Request, token: str, lifetime: timedelta
    ) -> None:
        answer.set_cookie(
            COOKIE,
            token,
            max_age=int(lifetime.total_seconds()),
            path=f"{root_of(request)}/",
            secure=self._secure,
            httponly=True,
            samesite="strict",
        )

    def _refusal(self, request: Request) -> str | None:
        """Return why the form came from another site; a session has no token before it is one."""
        headers: Mapping[str, str] = request.headers
        origin = origin_of(request, self._public_url)
        return csrf.refusal_of(headers, origin=origin)

    def _door(self, request: Request, fault: str | None, place: str) -> Response:
        view = DoorView(fault=fault, action=f"{root_of(request)}/login", place=place)
        return self._framing.door(request, view, status=_UNAUTHORIZED if fault else 200)


def _hashed(token: str) -> str:
    """Return what is stored of a session: who reads the storage learns no cookie."""
    return sha256(token.encode(errors="surrogatepass")).hexdigest()


def _place_in(request: Request) -> str:
    query = request.scope["query_string"].decode("ascii", errors="replace")
    return _checked((parse_qs(query).get("place") or [None])[-1])


def _checked(place: str | None) -> str:
    """Return a place of the viewer; anything else leads to its first page."""
    return place if place and _PLACE.fullmatch(place) else "/"
