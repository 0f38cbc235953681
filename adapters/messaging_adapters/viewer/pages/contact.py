"""One contact: may we write, when, and what did this person get?"""

from typing import Final

from attrs import evolve, frozen

from messaging_adapters.viewer import text
from messaging_adapters.viewer.access import Right
from messaging_adapters.viewer.contact_links import contact_id_in, is_plain
from messaging_adapters.viewer.forms import Form, FormAnswer, Shown
from messaging_adapters.viewer.masking import mask, shown_name, without
from messaging_adapters.viewer.page import Page
from messaging_adapters.viewer.page_request import PageRequest
from messaging_adapters.viewer.pages.contact_outlook import ChannelRow, rows_of, verdict_of
from messaging_adapters.viewer.pages.contact_plan import (
    Question,
    WhatIf,
    plan_of,
    question_in,
    what_if,
)
from messaging_adapters.viewer.pages.contact_rules import (
    Cap,
    Clock,
    IdentifierRow,
    Subscription,
    SuppressionRow,
    caps_of,
    clocks_of,
    identifiers_of,
    subscriptions_of,
    suppressions_of,
    zones_note,
)
from messaging_adapters.viewer.pages.message_rows import Row, row_of
from messaging_adapters.viewer.pages.message_verdict import Verdict
from messaging_adapters.viewer.reads import TOO_LONG, Reads, TooLong
from messaging_core.acceptance.contact_preview import ContactInspection
from messaging_core.errors import StorageBusyError
from messaging_core.models.common.audit import AuditAction
from messaging_core.models.common.page import Page as Results
from messaging_core.models.messages.message import Message
from messaging_core.models.messages.query import MessageQuery
from messaging_core.models.people.contact import Contact
from messaging_core.models.policy.plan import Plan

ROWS: Final = 20
_MOST_NAME: Final = 80
_MOST_INDEX: Final = 5
_NAMELESS: Final = "this person"


@frozen(kw_only=True)
class ContactModel:
    """What the page reads.

    Attributes:
        inspection: The contact, and what it may get.
        results: The last messages to its addresses; nothing if it has none.
        shown: The place of the identifier that is shown.
        question: What a visitor asked about a message.
        plan: The answer.
    """

    inspection: ContactInspection
    results: Results[Message] | TooLong
    shown: int | None = None
    question: Question | None = None
    plan: Plan | TooLong | None = None


@frozen(kw_only=True)
class ContactView:
    """What the page shows.

    Attributes:
        id: As it is shown: masked, if it may be an address.
        path: The part of the link that names the contact.
        looked_further: Whether older messages were not searched.
    """

    id: str
    path: str
    name: str | None
    locale: str | None
    verdict: Verdict
    channels: tuple[ChannelRow, ...]
    may_show_addresses: bool
    identifiers: tuple[IdentifierRow, ...]
    subscriptions: tuple[Subscription, ...]
    suppressions: tuple[SuppressionRow, ...]
    held_out: bool
    clocks: tuple[Clock, ...]
    zones_note: str
    is_quiet: bool
    caps: tuple[Cap, ...]
    messages: tuple[Row, ...]
    looked_further: bool
    took_too_long: bool
    what_if: WhatIf


async def read(request: PageRequest, reads: Reads) -> ContactModel:
    """Read a contact, and the last messages to its addresses."""
    request.parameters.require_known(())
    contact_id = await contact_id_in(request, reads)
    inspection = await reads(
        reads.messenger.inspect_contact, contact_id, workspace=request.workspace
    )
    if inspection is TOO_LONG:
        raise StorageBusyError("the contact could not be read in time")
    addresses = _values(inspection.contact)
    results: Results[Message] | TooLong = Results(results=[])
    if addresses:
        query = MessageQuery(workspace=request.workspace, receiver=addresses, limit=ROWS)
        results = await reads(reads.messenger.find, query)
    return ContactModel(inspection=inspection, results=results)


def show(request: PageRequest, model: ContactModel) -> ContactView:
    """Return what the page shows."""
    inspection, times = model.inspection, request.times
    contact = inspection.contact
    known = _values(contact)
    name = _name(contact)
    messages = [] if model.results is TOO_LONG else model.results.results
    reached = {outlook.channel.id for outlook in inspection.channels if outlook.may_send}
    return ContactView(
        id=shown_id(contact.id),
        path=request.path["contact_id"],
        name=name,
        locale=text.line(contact.locale, 40) if contact.locale else None,
        verdict=verdict_of(inspection, name or _NAMELESS, times),
        channels=rows_of(inspection, times),
        may_show_addresses=request.may(Right.ADDRESSES),
        identifiers=identifiers_of(contact, model.shown),
        subscriptions=subscriptions_of(inspection, times),
        suppressions=suppressions_of(inspection.suppressions, times),
        held_out=inspection.held_out,
        clocks=clocks_of(inspection, times.now),
        zones_note=zones_note(inspection),
        is_quiet=inspection.is_quiet,
        caps=caps_of(inspection.caps),
        messages=tuple(_row(message, request, known) for message in messages),
        looked_further=_is_cut(model.results),
        took_too_long=model.results is TOO_LONG,
        what_if=what_if(request, model.question, model.plan, known, reached),
    )


def _row(message: Message, request: PageRequest, known: tuple[str, ...]) -> Row:
    """Return the row of a message, in which the other addresses of the contact are masked too."""
    row = row_of(message, request)
    words, reason = (text_ and without(text_, known) for text_ in (row.words, row.reason))
    return evolve(row, words=words, reason=reason)


def _is_cut(results: Results[Message] | TooLong) -> bool:
    """Return whether the search stopped before it had found enough."""
    if results is TOO_LONG:
        return False
    return results.next_page_token is not None and len(results.results) < ROWS


def _values(contact: Contact) -> tuple[str, ...]:
    values = {identifier.value for identifier in contact.featured_identifiers}
    return tuple(sorted(values, key=lambda value: (-len(value), value)))


def _name(contact: Contact) -> str | None:
    """Return the name of a contact; hosts may store an address as a name."""
    name = contact.computed_display_name
    return text.line(shown_name(name, _values(contact)), _MOST_NAME) if name else None


def shown_id(contact_id: str) -> str:
    """Return the id of a contact as pages and the audit log show it."""
    return text.line(contact_id if is_plain(contact_id) else mask(contact_id))


CONTACT: Final = Page(
    name="contact",
    title="Contact",
    path="/contacts/{contact_id}",
    read=read,
    show=show,
    section="contacts",
)


async def _show_address(request: PageRequest, reads: Reads) -> FormAnswer:
    """Show the page with one identifier in full, after that was recorded."""
    model = await read(request, reads)
    audit = reads.messenger.audit
    entry = audit.entry(
        AuditAction.ADDRESS_SHOWN,
        actor=request.visitor.name,
        workspace=request.workspace,
        reason=f"of contact {shown_id(model.inspection.contact.id)}",
    )
    await reads.act(audit.record, entry)
    index = request.form.get("identifier") or ""
    is_number = index.isascii() and index.isdigit() and len(index) < _MOST_INDEX
    return Shown(CONTACT, show(request, evolve(model, shown=int(index) if is_number else None)))


async def _what_if(request: PageRequest, reads: Reads) -> FormAnswer:
    """Show the page with the plan of a message."""
    question = question_in(request)
    model = await read(request, reads)
    plan = await plan_of(question, model.inspection.contact.id, reads)
    return Shown(CONTACT, show(request, evolve(model, question=question, plan=plan)))


CONTACT_FORMS: Final = (
    Form(
        path=f"{CONTACT.path}/address",
        right=Right.ADDRESSES,
        submit=_show_address,
        page=CONTACT,
        is_look_up=True,
    ),
    Form(path=f"{CONTACT.path}/plan", right=Right.LOOK, submit=_what_if, page=CONTACT),
)
