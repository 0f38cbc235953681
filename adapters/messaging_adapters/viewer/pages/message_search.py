"""The search box: from what a visitor types to a link that holds no address and no word."""

import re
from typing import Final
from uuid import UUID

from attrs import evolve

from messaging_adapters.viewer.access import Right
from messaging_adapters.viewer.forms import Form, FormAnswer, SeeOther
from messaging_adapters.viewer.headers import PRIVATE
from messaging_adapters.viewer.look_ups import SUBJECT, TO, LookUp, address_in, remember
from messaging_adapters.viewer.page_request import PageRequest
from messaging_adapters.viewer.pages.message_filters import (
    DEFAULT_WINDOW,
    WINDOW_WORDS,
    read_filters,
)
from messaging_adapters.viewer.pages.messages import MESSAGES
from messaging_adapters.viewer.parameters import FilterError
from messaging_adapters.viewer.reads import TOO_LONG, Reads
from messaging_adapters.viewer.resources import Document, Resource
from messaging_core.errors import NotFoundError, UnknownMessageError
from messaging_core.models.common.audit import AuditAction
from messaging_core.models.messages.query import MessageQuery

_MOST: Final = 300
_SEE_OTHER: Final = 303
_PLAIN: Final = re.compile(r"(tag|status|channel|reference|platform):\s*(.+)", re.DOTALL)
_LATEST_NAMES: Final = ("channel", "tag", "platform", "status", "reference")


async def _search(request: PageRequest, reads: Reads) -> FormAnswer:
    """Lead to what was searched for."""
    words = (request.form.get("q") or "").strip()
    since = request.form.choice("since", WINDOW_WORDS)
    if len(words) > _MOST:
        raise FilterError("q", f"at most {_MOST} characters")
    if not words:
        return _list(request, since)
    if match := _PLAIN.fullmatch(words):
        return _list(request, since, (match[1], match[2].strip()))
    if (message_id := await _message_with_id(words, request, reads)) is not None:
        return SeeOther(request.urls.to("messages", str(message_id)))
    if await _is_reference(words, request, reads):
        return _list(request, since, ("reference", words))
    address = address_in(words)
    kind, value = (TO, address) if address else (SUBJECT, words)
    await _record(request, reads, kind)
    look_up = LookUp(kind=kind, value=value, workspace=request.workspace)
    return _list(request, since, (kind, await remember(look_up, reads)))


def _list(request: PageRequest, since: str | None, *filters: tuple[str, str]) -> SeeOther:
    pairs = [*filters, ("since", since if since and since != DEFAULT_WINDOW else "")]
    return SeeOther(request.urls.to("messages", query=pairs))


async def _message_with_id(words: str, request: PageRequest, reads: Reads) -> UUID | None:
    try:
        message_id = UUID(words)
        await reads(reads.messenger.get_json, message_id, workspace=request.workspace)
    except (ValueError, UnknownMessageError):
        return None
    return message_id


async def _is_reference(words: str, request: PageRequest, reads: Reads) -> bool:
    """Return whether a message has a reference; a link may not hold one with an address."""
    if address_in(words) or "@" in words:
        return False
    query = MessageQuery(workspace=request.workspace, reference=words, limit=1)
    page = await reads(reads.messenger.find, query)
    return page is not TOO_LONG and bool(page.results)


async def _record(request: PageRequest, reads: Reads, kind: str) -> None:
    """Record a search by address; what was searched for is not recorded."""
    if kind != TO:
        return
    audit = reads.messenger.audit
    entry = audit.entry(
        AuditAction.LOOKED_UP, actor=request.visitor.name, workspace=request.workspace
    )
    await reads.act(audit.record, entry)


async def _latest(request: PageRequest, reads: Reads) -> Document:
    """Lead to the newest message, for tests and developers."""
    request.parameters.require_known(_LATEST_NAMES)
    filters = read_filters(
        request.parameters.with_value("since", "ever"),
        workspace=request.workspace,
        channels=request.channels,
        now=request.times.now,
    )
    page = await reads(reads.messenger.find, evolve(filters.query, limit=1))
    if page is TOO_LONG or not page.results:
        raise NotFoundError("there is no such message yet")
    url = request.urls.to("messages", str(page.results[0].id))
    return Document(status=_SEE_OTHER, headers={**PRIVATE, "location": url})


SEARCH: Final = Form(
    path=f"{MESSAGES.path}/search",
    right=Right.LOOK,
    submit=_search,
    page=MESSAGES,
    is_look_up=True,
)
LATEST: Final = Resource(path=f"{MESSAGES.path}/latest", right=Right.LOOK, answer=_latest)
