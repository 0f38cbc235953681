"""What the calls of a messenger work with, and its parts with calls of their own."""

from functools import cached_property
from typing import TYPE_CHECKING
from uuid import UUID

from messaging_core.acceptance.acceptor import MessageAcceptor
from messaging_core.acceptance.group_commit import GroupAcceptor
from messaging_core.arguments import (
    checked,
    id_of,
)
from messaging_core.channels import ChannelReference, ChannelRegistry
from messaging_core.context import EngineContext
from messaging_core.messages.campaigns import CampaignLookup
from messaging_core.messages.changes import MessageChanges
from messaging_core.messages.events import EventSubscriptions
from messaging_core.messages.lookup import MessageLookup
from messaging_core.messages.replay import MessageReplayer
from messaging_core.messages.rollups import RollupCounter, RollupLookup
from messaging_core.models.common.channel import Channel
from messaging_core.ports.audience import Audience
from messaging_core.ports.clock import Clock
from messaging_core.ports.files import Files
from messaging_core.ports.http import HttpClient
from messaging_core.ports.media import MediaCheck
from messaging_core.ports.storage.transaction import Storage
from messaging_core.ports.transport import Transport
from messaging_core.receipts.inbox import ReceiptInbox
from messaging_core.receipts.webhooks import WebhookReceiver

if TYPE_CHECKING:  # loaded on first use: most programs only send
    from messaging_core.contacts.directory import ContactDirectory
    from messaging_core.contacts.suppressions import SuppressionList
    from messaging_core.messages.audit import AuditTrail, PageRecords
    from messaging_core.messages.media import MediaLookup
    from messaging_core.messages.webhook_sender import WebhookSender
    from messaging_core.messages.webhooks import WebhookSubscriptions
    from messaging_core.notifications.service import NotificationService
    from messaging_core.receipts.media_fetcher import MediaFetcher
    from messaging_core.templates.store import TemplateStore


class MessengerParts:
    """The parts of a messenger; `Messenger` makes them."""

    storage: Storage
    clock: Clock
    channels: ChannelRegistry
    context: EngineContext
    acceptor: MessageAcceptor
    inbox: ReceiptInbox
    subscriptions: EventSubscriptions
    rollup_counter: RollupCounter
    _media_check: MediaCheck | None
    _group: GroupAcceptor
    _lookup: MessageLookup
    _changes: MessageChanges
    _replayer: MessageReplayer
    _webhooks: WebhookReceiver
    _rollups: RollupLookup
    _campaigns: CampaignLookup
    _audience: Audience | None
    _files: Files | None

    @cached_property
    def templates(self) -> "TemplateStore":
        """Stored templates: save, activate, look up, inspect."""
        from messaging_core.templates.store import TemplateStore  # noqa: PLC0415 - see TYPE_CHECKING

        return TemplateStore(self.storage, self.clock, self.acceptor.template_resolver.engines)

    @cached_property
    def contacts(self) -> "ContactDirectory":
        """The people to whom messages go, and their lists."""
        from messaging_core.contacts.directory import ContactDirectory  # noqa: PLC0415 - the same

        channels = self.channels.by_id.values()
        return ContactDirectory(
            storage=self.storage,
            clock=self.clock,
            ids=self.context.ids,
            allow_unassigned_numbers=any(channel.allow_unassigned_numbers for channel in channels),
        )

    @cached_property
    def suppressions(self) -> "SuppressionList":
        """The addresses that must not get messages."""
        from messaging_core.contacts.suppressions import SuppressionList  # noqa: PLC0415 - the same

        return SuppressionList(storage=self.storage, clock=self.clock)

    @cached_property
    def audit(self) -> "AuditTrail":
        """Who looked at what in the viewer, and who did what."""
        from messaging_core.messages.audit import AuditTrail  # noqa: PLC0415 - the same

        return AuditTrail(context=self.context)

    @cached_property
    def page_records(self) -> "PageRecords":
        """What the viewer keeps between two requests, such as sessions."""
        from messaging_core.messages.audit import PageRecords  # noqa: PLC0415 - the same

        return PageRecords(context=self.context)

    @cached_property
    def webhooks(self) -> "WebhookSubscriptions":
        """The systems that get webhooks about messages, and the webhooks that were given up."""
        from messaging_core.messages.webhooks import (  # noqa: PLC0415 - the same
            WebhookSubscriptions,
        )

        return WebhookSubscriptions(context=self.context)

    def webhook_sender(self, client: HttpClient, *, threads: int = 32) -> "WebhookSender":
        """Return what sends webhooks to the systems that subscribed to them.

        Args:
            client: Sends the requests. Let it connect to public addresses only: who may subscribe
                could otherwise make this process call systems inside your network.
            threads: How many receivers are called at the same time.
        """
        from messaging_core.messages.webhook_sender import WebhookSender  # noqa: PLC0415 - the same

        return WebhookSender(self.context, client, threads=threads)

    @cached_property
    def media_fetcher(self) -> "MediaFetcher | None":
        """What fetches the files of incoming messages for a worker, if they are kept."""
        if self.inbox.media is None:
            return None
        from messaging_core.receipts.media_fetcher import MediaFetcher  # noqa: PLC0415 - the same

        return MediaFetcher(self.context, self.inbox.media)

    @cached_property
    def _media(self) -> "MediaLookup":
        from messaging_core.messages.media import MediaLookup  # noqa: PLC0415 - the same

        media = self.inbox.media
        return MediaLookup(storage=self.storage, store=media.store if media else None)

    @cached_property
    def _notifications(self) -> "NotificationService":
        from messaging_core.notifications.service import (  # noqa: PLC0415 - the same
            NotificationService,
        )

        return NotificationService(
            acceptor=self.acceptor, audience=self._audience, files=self._files
        )

    def channel(self, reference: ChannelReference) -> Channel:
        """Return a channel, by itself, its id, or its name in the default workspace.

        Raises:
            UnknownChannelError: The channel does not exist.
        """
        return self.channels.find(reference)

    @checked(channel_id=id_of("channel"))
    def route(self, channel_id: UUID) -> tuple[Channel, Transport] | None:
        """Return a channel and its transport, or `None` if the host does not have it.

        Raises:
            ArgumentError: `channel_id` is not the UUID of a channel.
        """
        return self.channels.route(channel_id)
