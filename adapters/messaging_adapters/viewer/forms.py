"""Forms of pages: what a visitor sends by POST, and what is answered."""

from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import parse_qsl

from attrs import frozen
from starlette.requests import ClientDisconnect, Request

from messaging_adapters.viewer.access import Right
from messaging_adapters.viewer.page import Page
from messaging_adapters.viewer.page_request import PageRequest
from messaging_adapters.viewer.parameters import FilterError, Parameters
from messaging_adapters.viewer.reads import Reads

MOST_BYTES: Final = 1_000_000
_MOST_FIELDS: Final = 1000
_KIND: Final = "application/x-www-form-urlencoded"


@frozen
class SeeOther:
    """Answer with a redirect to a page; the usual answer to a form that changed something."""

    url: str


@frozen
class Shown:
    """Answer with a page: of a form whose data must not be in a link, or that has a mistake.

    Attributes:
        page: Whose template is used.
        view: For the template.
        status: 422, if the form has a mistake.
    """

    page: Page[Any]
    view: Any
    status: int = 200


FormAnswer = SeeOther | Shown

Submit = Callable[[PageRequest, Reads], Awaitable[FormAnswer]]
"""Does what a form asks."""


@frozen(kw_only=True)
class Form:
    """A form; its page writes `<form method="post" action="{{ urls.to(...) }}">`.

    The first field is `<input type="hidden" name="csrf" value="{{ shell.csrf }}">`. Forms that
    another site sent are refused before `submit` is called.

    Attributes:
        path: A path of Starlette, such as `/messages/{message_id}/replay`.
        right: What a visitor needs to send it.
        submit: Does what the form asks, in at most six calls of the engine; the fields are in
            `request.form`. What changes something is recorded: see `Messenger.audit`.
        page: Whose place in the bar a refusal has.
        is_look_up: Whether it looks for an address, or shows one; a visitor may send 30 such forms
            a minute.
    """

    path: str
    right: Right
    submit: Submit
    page: Page[Any]
    is_look_up: bool = False


async def read_form(request: Request) -> Parameters:
    """Return the fields of a form.

    Raises:
        FilterError: It is too large, or it is no form.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _KIND:
        raise FilterError("form", f"the content type {_KIND}")
    chunks, size = [], 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > MOST_BYTES:
                raise FilterError("form", f"at most {MOST_BYTES:,} bytes")
            chunks.append(chunk)
        text = b"".join(chunks).decode("ascii")
        fields = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except (ClientDisconnect, ValueError):
        raise FilterError("form", "the fields of a form, to their end") from None
    return Parameters(tuple(fields))
