"""What a page is asked: everything that decides what it shows, but what it reads."""

from collections.abc import Mapping
from uuid import UUID

from attrs import field, frozen

from messaging_adapters.viewer.access import Right, Visitor
from messaging_adapters.viewer.parameters import Parameters
from messaging_adapters.viewer.times import Times
from messaging_adapters.viewer.urls import Urls
from messaging_core.models.common.channel import Channel, MessageType


@frozen(kw_only=True)
class PageRequest:
    """A request for a page, after the visitor and the workspace are known.

    Attributes:
        visitor: Who asks.
        workspace: What is shown; the visitor sees it.
        channels: The channels of the workspace, by id.
        path: The variable parts of the path, decoded.
        parameters: The query string.
        form: The fields of a form, if one was sent.
        urls: Makes links.
        times: The present, and how it is shown.
        development: Whether a developer looks at messages of a machine of the developer's own.
    """

    visitor: Visitor
    workspace: UUID
    channels: Mapping[UUID, Channel] = field(factory=dict)
    path: Mapping[str, str] = field(factory=dict)
    parameters: Parameters = field(factory=Parameters)
    form: Parameters = field(factory=Parameters, repr=False)
    urls: Urls = field(factory=Urls)
    times: Times
    development: bool = False

    def may(self, right: Right) -> bool:
        """Return whether the visitor has a right."""
        return right in self.visitor.may

    def may_read(self, channel_id: UUID) -> bool:
        """Return whether the visitor may see the content of messages of a channel.

        A channel that the host no longer has may have been one of codes.
        """
        channel = self.channels.get(channel_id)
        is_secret = channel is None or channel.message_type is MessageType.TWO_FACTOR
        return self.may(Right.CONTENT) and (not is_secret or self.may(Right.SECRETS))
