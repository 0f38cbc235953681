"""A batch: the messages that were accepted in one call, at most a hundred."""

from typing import Final
from uuid import UUID

from messaging_adapters.viewer.page import Page
from messaging_adapters.viewer.page_request import PageRequest
from messaging_adapters.viewer.pages.campaign import CampaignView, figures_view
from messaging_adapters.viewer.pages.campaign_figures import campaign_of, hours_chart
from messaging_adapters.viewer.reads import TOO_LONG, Reads, TooLong
from messaging_core.errors import NotFoundError
from messaging_core.models.common.page import Page as Results
from messaging_core.models.messages.message import Message
from messaging_core.models.messages.query import MessageQuery
from messaging_core.models.messages.status import Status

_MOST: Final = 100  # a batch has no more requests


async def read(request: PageRequest, reads: Reads) -> Results[Message] | TooLong:
    """Read the messages of a batch.

    Raises:
        NotFoundError: The path has no id.
    """
    request.parameters.require_known([])
    query = MessageQuery(workspace=request.workspace, batch_id=_id(request), limit=_MOST)
    return await reads(reads.messenger.find, query)


def show(request: PageRequest, model: Results[Message] | TooLong) -> CampaignView:
    """Return what the page shows."""
    name = str(_id(request))
    if model is TOO_LONG:
        return CampaignView(name=name, word="Batch", sentence="", tone="doubt", took_too_long=True)
    messages = list(model.results)
    if not messages:
        sentence = "No message is in this batch."
        return CampaignView(name=name, word="Batch", sentence=sentence, tone="", is_empty=True)
    planned = [message for message in messages if message.status is Status.SCHEDULED]
    return figures_view(
        request,
        campaign_of(name, messages, request.times),
        [("batchId", name)],
        name=name,
        word="Batch",
        hours=hours_chart(planned, request.times),
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
