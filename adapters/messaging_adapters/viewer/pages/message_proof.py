"""What the provider and the network confirmed of each part of a message."""

from collections.abc import Iterator
from typing import Final

from attrs import frozen

from messaging_adapters.viewer import text
from messaging_adapters.viewer.pages.message_receivers import mark_of
from messaging_adapters.viewer.statuses import Mark
from messaging_adapters.viewer.times import Moment, Times, span
from messaging_core.messages.inspection import Inspection
from messaging_core.models.delivery.event import Event
from messaging_core.models.delivery.evidence import Reported

_MOST_PARTS: Final = 100
_LONGEST_ID: Final = 100


@frozen(kw_only=True)
class Proof:
    """What is proved of one part.

    Attributes:
        part: Its number.
        reference: The id that the provider gave it.
        mark: What a receipt reported; nothing, if none came.
        confirmed_at: When that happened, by the receipt.
        after: How long after the hand-over.
        handed_over_at: When the provider took it; nothing, if another one than this engine did it.
        attempt: The number of that try.
    """

    part: int
    reference: str
    mark: Mark | None
    confirmed_at: Moment | None
    after: str | None
    handed_over_at: Moment | None
    attempt: int | None


def proofs_of(inspection: Inspection, times: Times) -> tuple[Proof, ...]:
    """Return the proof of each part that a provider took."""
    return tuple(_proofs(inspection, times))


def _proofs(inspection: Inspection, times: Times) -> Iterator[Proof]:
    references = inspection.message.references[:_MOST_PARTS]
    reports = {report.reference: report for report in inspection.evidence.reported}
    alone = len(references) == 1 and len(reports) == 1
    for number, reference in enumerate(references, start=1):
        # A receipt that names no part is about the only one.
        report = reports.get(reference) or (reports.get("") if alone else None)
        yield _proof(number, reference, report, _hand_over(inspection, reference), times)


def _proof(
    number: int, reference: str, report: Reported | None, handed: Event | None, times: Times
) -> Proof:
    mark = mark_of(report) if report else None
    at = (report.delivered_at or report.failed_at) if report else None
    return Proof(
        part=number,
        reference=text.line(reference, _LONGEST_ID),
        mark=mark,
        confirmed_at=times.clock(at) if at else None,
        after=f"{span(at - handed.at)} later" if at and handed else None,
        handed_over_at=times.clock(handed.at) if handed else None,
        attempt=handed.attempt if handed else None,
    )


def _hand_over(inspection: Inspection, reference: str) -> Event | None:
    """Return the try at which the provider gave this id."""
    return next((event for event in inspection.events if reference in event.references), None)
