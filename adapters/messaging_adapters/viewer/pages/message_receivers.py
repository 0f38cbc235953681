"""The people of a message: who they are, what became of it for each, and their addresses."""

from typing import Final

from attrs import frozen

from messaging_adapters.viewer import text
from messaging_adapters.viewer.contact_links import contact_url
from messaging_adapters.viewer.masking import addresses_of, mask, shown_name
from messaging_adapters.viewer.page_request import PageRequest
from messaging_adapters.viewer.statuses import MARKS, Mark
from messaging_core.messages.inspection import Inspection
from messaging_core.models.delivery.evidence import Reported
from messaging_core.models.messages.status import Status
from messaging_core.models.people.contact import MessageContact

_LONGEST_NAME: Final = 80
_REFUSED: Final = Mark("sending_failed", "Refused")
_TAKEN: Final = Mark("sent", "Taken")
_DELIVERED: Final = MARKS[Status.DELIVERED]
_FAILED: Final = MARKS[Status.DELIVERY_FAILED]


@frozen(kw_only=True)
class Person:
    """A receiver; or the sender, of a message that came in.

    Attributes:
        index: The place among the receivers, for the form that shows the address.
        kind: `To`, `Cc` or `Bcc`.
        name: Of the person, if it is known.
        address: Masked, unless the visitor asked for this one.
        is_shown: Whether the address is the whole one.
        mark: What became of the message for this person, where that is known.
        reason: Why it failed for this person.
        contact_url: The page of the contact, unless its id may be an address.
    """

    index: int
    kind: str
    name: str | None
    address: str
    is_shown: bool
    mark: Mark | None
    reason: str | None
    contact_url: str | None


def people_of(
    inspection: Inspection, request: PageRequest, shown: int | None = None
) -> tuple[Person, ...]:
    """Return the people of a message.

    Args:
        inspection: The message.
        request: Of the page.
        shown: The place of the person whose address is shown.
    """
    message = inspection.message
    contacts = (message.sender.contact,) if message.sender.contact else message.receiver.contacts
    return tuple(
        _person(index, contact, inspection, request, is_shown=index == shown)
        for index, contact in enumerate(contacts)
    )


def _person(
    index: int,
    contact: MessageContact,
    inspection: Inspection,
    request: PageRequest,
    *,
    is_shown: bool,
) -> Person:
    address, name = contact.address, contact.annotations and contact.annotations.name
    mark, reason = _fate(address, inspection)
    known = addresses_of(inspection.message)
    written = address if is_shown else mask(address)
    return Person(
        index=index,
        kind=(contact.type or "to").capitalize(),
        name=text.line(shown_name(name, known), _LONGEST_NAME) if name else None,
        address=text.line(written) if address else "no address",
        is_shown=is_shown,
        mark=mark,
        reason=reason,
        contact_url=contact_url(contact.id, request) if contact.id else None,
    )


def _fate(address: str, inspection: Inspection) -> tuple[Mark | None, str | None]:
    """Return what became of the message for one receiver, and why it failed."""
    message, delivery = inspection.message, inspection.delivery
    report = _report_about(address, inspection)
    if report is not None:
        mark = mark_of(report)
        failure = report.failure
        return mark, text.line(failure.description) if failure and mark is _FAILED else None
    if delivery and address in delivery.refused:
        return _REFUSED, None
    if delivery and address in delivery.accepted:
        return _TAKEN, None
    is_the_same_for_all = len(message.receiver.contacts) == 1 or message.failure is None
    return (MARKS[message.status] if is_the_same_for_all else None), None


def _report_about(address: str, inspection: Inspection) -> Reported | None:
    known = address.casefold()
    reports = inspection.evidence.reported
    return next((report for report in reports if report.recipient.casefold() == known), None)


def mark_of(report: Reported) -> Mark | None:
    """Return what a receipt proves: a delivery counts more than a failure before it."""
    if report.delivered_at is not None:
        return _DELIVERED
    return _FAILED if report.failed_at is not None else None
