"""The figures of a campaign as CSV: numbers and reasons, never people."""

import csv
from collections.abc import Iterable, Iterator
from io import StringIO
from typing import Final

from messaging_adapters.viewer.access import Right
from messaging_adapters.viewer.headers import PRIVATE
from messaging_adapters.viewer.page_request import PageRequest
from messaging_adapters.viewer.pages.campaign import tag_of
from messaging_adapters.viewer.reads import TOO_LONG, Reads
from messaging_adapters.viewer.resources import Document, Resource
from messaging_adapters.viewer.times import iso
from messaging_core.errors import NotFoundError, StorageBusyError
from messaging_core.models.common.audit import AuditAction
from messaging_core.models.delivery.campaign import Campaign

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
_HEADERS: Final = {
    **PRIVATE,
    "content-security-policy": "sandbox; default-src 'none'",
    "content-disposition": 'attachment; filename="campaign.csv"',
}


async def answer(request: PageRequest, reads: Reads) -> Document:
    """Answer with the figures; the download is recorded.

    Raises:
        NotFoundError: No message has this tag.
        StorageBusyError: The storage did not answer in time.
    """
    messenger, tag = reads.messenger, tag_of(request)
    campaign = await reads(messenger.campaign, tag, workspace=request.workspace)
    if campaign is TOO_LONG:
        raise StorageBusyError("the figures could not be read in time")
    if not campaign.accepted:
        raise NotFoundError("no message has this tag")
    entry = messenger.audit.entry(
        AuditAction.DOWNLOADED,
        actor=request.visitor.name,
        workspace=request.workspace,
        reason="figures of a campaign",
    )
    await reads.act(messenger.audit.record, entry)
    body = csv_of(rows_of(campaign)).encode()
    return Document(body=body, media_type="text/csv; charset=utf-8", headers=_HEADERS)


def rows_of(campaign: Campaign) -> Iterator[tuple[str, str, str]]:
    """Yield the figures: what is counted, its reason or code, and the number."""
    yield "figure", "reason", "number"
    yield "tag", "", campaign.tag
    yield "counted until", "", iso(campaign.as_of)
    for name in ("accepted", "waiting", "sent", "delivered", "cancelled"):
        yield name, "", str(getattr(campaign, name))
    for kind, numbers in (("left out", campaign.skipped), ("failed", campaign.failed)):
        for reason, number in numbers.items():
            yield kind, reason, str(number)
    for name in ("opened", "clicked", "prefetched", "converted"):
        yield name, "", str(getattr(campaign, name))


def csv_of(rows: Iterable[Iterable[str]]) -> str:
    """Return rows as CSV (RFC 4180); no cell is a formula for a program that opens it."""
    file = StringIO()
    writer = csv.writer(file, quoting=csv.QUOTE_ALL)
    for row in rows:
        writer.writerow([_harmless(cell) for cell in row])
    return file.getvalue()


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.lstrip().startswith(_FORMULA) or cell[:1] in _FORMULA else cell


EXPORT: Final = Resource(path="/campaigns/{tag}.csv", right=Right.LOOK, answer=answer)
