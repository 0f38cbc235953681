"""A batch: the messages that were accepted in one call, at most a hundred."""

from typing import Final
from uuid import UUID

from attrs import evolve, frozen

from messaging_adapters.viewer.page import Page
from messaging_adapters.viewer.page_request import PageRequest
from messaging_adapters.viewer.pages.campaign import CampaignView, figures_view
from messaging_adapters.viewer.pages.campaign_figures import campaign_of, hours_chart
from messaging_adapters.viewer.reads import TOO_LONG, Reads, TooLong
from messaging_core.errors import NotFoundError
from messaging_core.messages.upcoming import UpcomingMessages
from messaging_core.models.common.page import Page as Results
from messaging_core.models.messages.message import Message
from messaging_core.models.messages.query import MessageQuery
from messaging_core.models.messages.status import Status

_MOST: Final = 100  # a batch has no more requests


@frozen(kw_only=True)
class BatchModel:
    """What the page reads.

    Attributes:
        results: The messages.
        upcoming: When those go that are scheduled.
    """

    results: Results[Message] | TooLong
    upcoming: UpcomingMessages | TooLong | None = None


async def read(request: PageRequest, reads: Reads) -> BatchModel:
    """Read the messages of a batch.

    Raises:
        NotFoundError: The path has no id.
    """
    request.parameters.require_known([])
    query = MessageQuery(workspace=request.workspace, batch_id=_id(request), limit=_MOST)
    results = await reads(reads.messenger.find, query)
    if results is TOO_LONG or all(own.status is not Status.SCHEDULED for own in results.results):
        return BatchModel(results=results)
    scheduled = evolve(query, status=(Status.SCHEDULED,))
    return BatchModel(results=results, upcoming=await reads(reads.messenger.upcoming, scheduled))


def show(request: PageRequest, model: BatchModel) -> CampaignView:
    """Return what the page shows."""
    name = str(_id(request))
    if model.results is TOO_LONG:
        return CampaignView(name=name, word="Batch", sentence="", tone="doubt", took_too_long=True)
    messages = list(model.results.results)
    if not messages:
        sentence = "No message is in this batch."
        return CampaignView(name=name, word="Batch", sentence=sentence, tone="", is_empty=True)
    upcoming = model.upcoming if isinstance(model.upcoming, UpcomingMessages) else None
    return figures_view(
        request,
        campaign_of(name, messages, request.times),
        [("batchId", name)],
        name=name,
        word="Batch",
        hours=hours_chart(upcoming) if upcoming else None,
    )


def _id(request: PageRequest) -> UUID:
    try:
        return UUID(request.path["batch_id"])
    except ValueError:
        raise NotFoundError("a batch has a UUID") from None


BATCH: Final = Page(
    name="batch",
    title="Batch",
    path="/batches/{batch_id}",
    read=read,
    show=show,
    section="campaigns",
)
