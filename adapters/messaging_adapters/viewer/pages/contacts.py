"""Contacts: find one by its id or an address, and the first ones by their ids."""

from typing import Final

from attrs import frozen

from messaging_adapters.viewer import text
from messaging_adapters.viewer.access import Right
from messaging_adapters.viewer.contact_links import contact_url, found_url, is_plain
from messaging_adapters.viewer.forms import Form, FormAnswer, SeeOther, Shown
from messaging_adapters.viewer.look_ups import address_in
from messaging_adapters.viewer.masking import mask, shown_name
from messaging_adapters.viewer.page import Page
from messaging_adapters.viewer.page_request import PageRequest
from messaging_adapters.viewer.pages.contact import shown_id
from messaging_adapters.viewer.parameters import FilterError
from messaging_adapters.viewer.reads import TOO_LONG, Reads, TooLong
from messaging_adapters.viewer.times import Moment
from messaging_core.errors import StorageBusyError, UnknownContactError
from messaging_core.models.common.audit import AuditAction
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.common.page import Page as Results
from messaging_core.models.people.contact import Contact
from messaging_core.models.people.directory import ContactQuery
from messaging_core.rules.addressing.receiver import PLATFORM_KEYS

ROWS: Final = 50
_TOKEN: Final = "pageToken"  # noqa: S105 - the name of a parameter
_MOST_SEARCHED: Final = 500
_NOT_FOUND: Final = 404


@frozen(kw_only=True)
class ContactRow:
    """A contact as the list shows it.

    Attributes:
        url: Of its page; nothing if its id may be an address, then a search leads there.
        addresses: Masked; the first few.
    """

    id: str
    url: str | None
    name: str | None
    addresses: tuple[str, ...]
    created: Moment


@frozen(kw_only=True)
class ContactsView:
    """What the page shows.

    Attributes:
        only_by_search: Whether there are more contacts, to which only a search leads.
        nothing: Why a search led to no contact.
    """

    rows: tuple[ContactRow, ...]
    took_too_long: bool
    first_url: str | None
    next_url: str | None
    only_by_search: bool
    nothing: str | None = None


async def read(request: PageRequest, reads: Reads) -> Results[Contact] | TooLong:
    """Read one page of contacts."""
    request.parameters.require_known((_TOKEN,))
    query = ContactQuery(
        workspace=request.workspace, limit=ROWS, page_token=request.parameters.get(_TOKEN)
    )
    return await reads(reads.messenger.contacts.find, query)


def show(
    request: PageRequest, results: Results[Contact] | TooLong, nothing: str | None = None
) -> ContactsView:
    """Return what the page shows."""
    urls = request.urls
    contacts, token = ([], None) if results is TOO_LONG else (results.results, _next(results))
    return ContactsView(
        rows=tuple(_row(contact, request) for contact in contacts),
        took_too_long=results is TOO_LONG,
        first_url=urls.to("contacts") if request.parameters.get(_TOKEN) else None,
        next_url=urls.to("contacts", query=[(_TOKEN, token)]) if token else None,
        only_by_search=token is None and results is not TOO_LONG and bool(results.next_page_token),
        nothing=nothing,
    )


def _next(results: Results[Contact]) -> str | None:
    """Return the token of the next page; none if it would hold an address in the link."""
    ids = [contact.id for contact in results.results]
    return results.next_page_token if ids and is_plain(ids[-1]) else None


def _row(contact: Contact, request: PageRequest) -> ContactRow:
    values = [identifier.value for identifier in contact.featured_identifiers]
    name = contact.computed_display_name
    return ContactRow(
        id=shown_id(contact.id),
        url=contact_url(contact.id, request),
        name=text.line(shown_name(name, values), 80) if name else None,
        addresses=tuple(text.line(mask(value), 80) for value in values[:3]),
        created=request.times.day(contact.created_at),
    )


CONTACTS: Final = Page(
    name="contacts", title="Contacts", path="/contacts", read=read, show=show, in_bar=True
)


async def _search(request: PageRequest, reads: Reads) -> FormAnswer:
    """Lead to the contact with an id or an address; a search by address is recorded."""
    words = (request.form.get("q") or "").strip()
    if not 1 <= len(words) <= _MOST_SEARCHED:
        raise FilterError("q", f"1 to {_MOST_SEARCHED} characters: an id or an address")
    identifier = _identifier(words)
    if identifier:
        await _record(request, reads)
    contact_id = await _found(words, identifier, request, reads)
    if contact_id is not None:
        return SeeOther(await found_url(contact_id, request, reads))
    results = await read(request, reads)
    nothing = "No contact has this id or address. Addresses are found however they are spelt."
    return Shown(CONTACTS, show(request, results, nothing), status=_NOT_FOUND)


def _identifier(words: str) -> Identifier | None:
    address = address_in(words)
    if address is None:
        return None
    key = PLATFORM_KEYS["email" if "@" in address else "sms"]
    return Identifier(identifier_key=key, identifier_value=address)


async def _found(
    words: str, identifier: Identifier | None, request: PageRequest, reads: Reads
) -> str | None:
    """Return the id of the contact with an id, else of the one with an address."""
    contacts, workspace = reads.messenger.contacts, request.workspace
    try:
        contact = await reads(contacts.get, words, workspace=workspace)
    except UnknownContactError:
        contact = None
    if contact is TOO_LONG:
        raise StorageBusyError("the contact could not be read in time")
    if contact or identifier is None:
        return contact.id if contact else None
    query = ContactQuery(workspace=workspace, identifier=identifier, limit=1)
    results = await reads(contacts.find, query)
    if results is TOO_LONG:
        raise StorageBusyError("the contact could not be read in time")
    return next((contact.id for contact in results.results), None)


async def _record(request: PageRequest, reads: Reads) -> None:
    """Record a search by address; what was searched for is not recorded."""
    audit = reads.messenger.audit
    entry = audit.entry(
        AuditAction.LOOKED_UP, actor=request.visitor.name, workspace=request.workspace
    )
    await reads.act(audit.record, entry)


CONTACT_SEARCH: Final = Form(
    path=f"{CONTACTS.path}/search",
    right=Right.LOOK,
    submit=_search,
    page=CONTACTS,
    is_look_up=True,
)
