"""A campaign: all messages with one tag; how many got it, and why the others did not."""

from typing import Final

from attrs import frozen

from messaging_adapters.viewer import text
from messaging_adapters.viewer.charts import BarChart
from messaging_adapters.viewer.page import Page
from messaging_adapters.viewer.page_request import PageRequest
from messaging_adapters.viewer.pages.campaign_figures import (
    Query,
    ReasonRow,
    Step,
    failed_rows,
    funnel_of,
    hours_chart,
    sentence_of,
    skipped_rows,
)
from messaging_adapters.viewer.reads import TOO_LONG, Reads, TooLong
from messaging_adapters.viewer.times import Moment
from messaging_core.errors import NotFoundError
from messaging_core.messages.upcoming import UpcomingMessages
from messaging_core.models.common.page import Page as Results
from messaging_core.models.delivery.campaign import Campaign
from messaging_core.models.delivery.rollups import Tag
from messaging_core.models.messages.query import MessageQuery
from messaging_core.models.messages.status import Status
from messaging_core.rules.content.tags import TAG_LENGTH

_MOST_VARIANTS: Final = 3
_MOST_PLANNED: Final = 200
_SEPARATORS: Final = "-_ "


@frozen(kw_only=True)
class CampaignModel:
    """What the page reads.

    Attributes:
        campaign: Its figures.
        planned: When those go that are scheduled, the first accepted first.
        variants: The figures of the tags that begin with this one and a separator.
    """

    campaign: Campaign | TooLong
    planned: UpcomingMessages | TooLong | None = None
    variants: tuple[Campaign | TooLong, ...] = ()


@frozen(kw_only=True)
class Variant:
    """One of several variants of a campaign, in a row."""

    name: str
    url: str
    accepted: str
    sent: str
    delivered: str
    clicked: str
    converted: str


@frozen(kw_only=True)
class CampaignView:
    """What the page shows.

    Attributes:
        name: The tag, or the id of the batch.
        word: What it is.
        is_empty: Whether there is no message.
        is_done: Whether nothing is still to come.
        hours: When what is scheduled goes, where its receivers are.
        more_planned: Whether there is more than that.
        held_until: The last time for which a message waits.
    """

    name: str
    word: str
    sentence: str
    tone: str
    is_empty: bool = False
    is_done: bool = False
    took_too_long: bool = False
    funnel: tuple[Step, ...] = ()
    skipped: tuple[ReasonRow, ...] = ()
    failed: tuple[ReasonRow, ...] = ()
    waiting: str = "0"
    hours: BarChart | None = None
    more_planned: bool = False
    held_until: Moment | None = None
    variants: tuple[Variant, ...] = ()
    counted: Moment | None = None
    is_exact: bool = True
    has_rollups: bool = True
    list_url: str = ""
    export_url: str | None = None
    live_url: str | None = None


def tag_of(request: PageRequest) -> str:
    """Return the tag of the path.

    Raises:
        NotFoundError: No message can have such a tag.
    """
    tag = request.path["tag"]
    if not 1 <= len(tag) <= TAG_LENGTH:
        raise NotFoundError("no message can have this tag")
    return tag.lower()


async def read(request: PageRequest, reads: Reads) -> CampaignModel:
    """Read the figures of a tag and its variants, and what is scheduled."""
    request.parameters.require_known([])
    messenger, workspace, tag = reads.messenger, request.workspace, tag_of(request)
    campaign = await reads(messenger.campaign, tag, workspace=workspace)
    if campaign is TOO_LONG or not campaign.accepted:
        return CampaignModel(campaign=campaign)
    query = MessageQuery(
        workspace=workspace,
        tag=(tag,),
        status=(Status.SCHEDULED,),
        reverse=True,
        limit=_MOST_PLANNED,
    )
    planned = await reads(messenger.upcoming, query) if campaign.waiting else None
    following = await reads(
        messenger.tags, limit=_MOST_VARIANTS, page_token=tag, workspace=workspace
    )
    names = () if following is TOO_LONG else _variants(tag, following)
    variants = [await reads(messenger.campaign, name, workspace=workspace) for name in names]
    return CampaignModel(campaign=campaign, planned=planned, variants=tuple(variants))


def _variants(tag: str, following: Results[Tag]) -> tuple[str, ...]:
    """Return the tags behind a tag that begin with it and a separator, such as `sale-a`."""
    names = [own.tag for own in following.results]
    return tuple(name for name in names if name.startswith(tag) and name[len(tag)] in _SEPARATORS)


def show(request: PageRequest, model: CampaignModel) -> CampaignView:
    """Return what the page shows."""
    tag = tag_of(request)
    name = text.line(tag, 100)
    if model.campaign is TOO_LONG:
        return CampaignView(name=name, word="Tag", sentence="", tone="doubt", took_too_long=True)
    campaign, query = model.campaign, [("tag", tag)]
    if not campaign.accepted:
        sentence = "No message has this tag."
        return CampaignView(name=name, word="Tag", sentence=sentence, tone="", is_empty=True)
    planned = model.planned if isinstance(model.planned, UpcomingMessages) else None
    return figures_view(
        request,
        campaign,
        query,
        name=name,
        word="Tag",
        hours=hours_chart(planned) if planned else None,
        more_planned=bool(planned and not planned.is_complete),
        variants=tuple(
            _variant(request, own) for own in model.variants if not isinstance(own, TooLong)
        ),
        export_url=request.urls.to("campaigns", f"{tag}.csv"),
        live_url=None if campaign.is_done else request.urls.to("campaigns", tag),
    )


def figures_view(
    request: PageRequest, campaign: Campaign, query: Query, **fields: object
) -> CampaignView:
    """Return the view of figures; of a campaign, or of a batch."""
    return CampaignView(
        sentence=sentence_of(campaign),
        tone=tone_of(campaign),
        is_done=campaign.is_done,
        funnel=funnel_of(request, campaign, query),
        skipped=skipped_rows(request, campaign.skipped, query),
        failed=failed_rows(request, campaign.failed, query),
        waiting=f"{campaign.waiting:,}",
        held_until=request.times.clock(campaign.held_until) if campaign.held_until else None,
        counted=request.times.ago(campaign.as_of),
        is_exact=campaign.is_exact,
        has_rollups=campaign.has_rollups,
        list_url=request.urls.to("messages", query=[*query, ("since", "ever")]),
        **fields,  # type: ignore[arg-type]
    )


def tone_of(campaign: Campaign) -> str:
    """Return `good` once all is done, unless some went without a proof that they arrived."""
    proved = campaign.delivered >= campaign.sent
    return "good" if campaign.is_done and proved else ""


def _variant(request: PageRequest, campaign: Campaign) -> Variant:
    def share(number: int) -> str:
        part = number / campaign.accepted if campaign.accepted else 0
        return f"{number:,} ({part:.1%})"

    return Variant(
        name=text.line(campaign.tag, 100),
        url=request.urls.to("campaigns", campaign.tag),
        accepted=f"{campaign.accepted:,}",
        sent=share(campaign.sent),
        delivered=share(campaign.delivered),
        clicked=share(campaign.clicked),
        converted=share(campaign.converted),
    )


CAMPAIGN: Final = Page(
    name="campaign",
    title="Campaign",
    path="/campaigns/{tag}",
    read=read,
    show=show,
    section="campaigns",
)
