"""The tags of which figures are kept, and a field for any other."""

from typing import Final

from attrs import frozen

from messaging_adapters.viewer import text
from messaging_adapters.viewer.page import Page
from messaging_adapters.viewer.page_request import PageRequest
from messaging_adapters.viewer.reads import TOO_LONG, Reads, TooLong
from messaging_adapters.viewer.times import Moment
from messaging_core.models.common.page import Page as Results
from messaging_core.models.delivery.rollups import Tag

_ROWS: Final = 100
_TOKEN: Final = "after"  # noqa: S105 - the name of a parameter


@frozen(kw_only=True)
class TagRow:
    """A tag as the list shows it."""

    name: str
    url: str
    since: Moment
    latest: Moment


@frozen(kw_only=True)
class CampaignsView:
    """What the page shows."""

    rows: tuple[TagRow, ...]
    took_too_long: bool
    next_url: str | None
    first_url: str | None


async def read(request: PageRequest, reads: Reads) -> Results[Tag] | TooLong:
    """Read one page of tags, in the order of their names."""
    request.parameters.require_known([_TOKEN])
    return await reads(
        reads.messenger.tags,
        limit=_ROWS,
        page_token=request.parameters.get(_TOKEN),
        workspace=request.workspace,
    )


def show(request: PageRequest, model: Results[Tag] | TooLong) -> CampaignsView:
    """Return what the page shows."""
    tags = () if model is TOO_LONG else tuple(model.results)
    token = None if model is TOO_LONG else model.next_page_token
    return CampaignsView(
        rows=tuple(
            TagRow(
                name=text.line(tag.tag, 100),
                url=request.urls.to("campaigns", tag.tag),
                since=request.times.ago(tag.since),
                latest=request.times.ago(tag.latest),
            )
            for tag in tags
        ),
        took_too_long=model is TOO_LONG,
        next_url=request.urls.to("campaigns", query=[(_TOKEN, token)]) if token else None,
        first_url=request.urls.to("campaigns") if request.parameters.get(_TOKEN) else None,
    )


CAMPAIGNS: Final = Page(
    name="campaigns", title="Campaigns", path="/campaigns", read=read, show=show, in_bar=True
)
