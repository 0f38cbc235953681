"""The channels of a workspace, as the host has set them up."""

from uuid import UUID

from attrs import field, frozen

from messaging_adapters.asgi.call import Call, answer
from messaging_adapters.asgi.parameters import read_parameters
from messaging_adapters.asgi.routes.paging import page_of
from messaging_core.errors import InvalidQueryError
from messaging_core.models.common.channel import Channel, MessageType
from messaging_core.models.common.page import DEFAULT_LIMIT
from messaging_core.ports.http import HttpResponse
from messaging_core.rules.requests.query import check_platforms
from messaging_core.wire import dump, dump_page

_ACTIVE = {True: "active", False: "inactive"}


@frozen(kw_only=True)
class ShownChannel:
    """A channel as callers see it.

    Attributes:
        identifier: The number, address or name that its messages come from.
        status: `active` or `inactive`.
    """

    id: UUID
    platform_id: str
    name: str
    status: str
    use_case_type: MessageType
    identifier: str | None = None


@frozen(kw_only=True)
class ChannelsQuery:
    """A query for channels, in the order in which the host gave them."""

    limit: int = DEFAULT_LIMIT
    page_token: str | None = None
    reverse: bool = False
    platform: tuple[str, ...] = ()
    status: tuple[str, ...] = field(default=())


async def list_channels(call: Call) -> HttpResponse:
    """Return one page of the channels of a workspace."""
    query = read_parameters(ChannelsQuery, call.query)
    if violations := check_platforms(query.platform):
        raise InvalidQueryError(violations)
    page = page_of(
        [channel for channel in _channels(call) if _is_wanted(channel, query)],
        _shown,
        limit=query.limit,
        token=query.page_token,
        reverse=query.reverse,
        of="channels",
    )
    return answer(dump_page(page))


async def get_channel(call: Call) -> HttpResponse:
    """Return one channel."""
    return answer(dump(_shown(call.channel())))


def _channels(call: Call) -> list[Channel]:
    channels = call.messenger.messenger.channels.by_id.values()
    return [channel for channel in channels if channel.workspace == call.workspace]


def _is_wanted(channel: Channel, query: ChannelsQuery) -> bool:
    return (not query.platform or channel.platform in query.platform) and (
        not query.status or _ACTIVE[channel.active] in query.status
    )


def _shown(channel: Channel) -> ShownChannel:
    return ShownChannel(
        id=channel.id,
        platform_id=channel.platform,
        name=channel.name,
        identifier=channel.sender,
        status=_ACTIVE[channel.active],
        use_case_type=channel.message_type,
    )
