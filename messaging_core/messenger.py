"""The façade that a host calls: send, plan, look up, list, cancel and move messages.

Its calls stand in `messaging_core.facade`, by topics. Each delegates to the part that does the
work.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from os import PathLike
from typing import Any, Self, cast
from uuid import UUID

from messaging_core.acceptance.acceptor import MessageAcceptor
from messaging_core.acceptance.group_commit import GroupAcceptor
from messaging_core.acceptance.idempotency import DEFAULT_WINDOW, check_window
from messaging_core.arguments import (
    a,
    a_text,
    any_span,
    checked,
    members,
    optional,
    refuse,
    several,
)
from messaging_core.channels import ChannelReference, ChannelRegistry
from messaging_core.context import SUPPRESS_ON, EngineContext
from messaging_core.decisions.content.link_planning import Linking, checked_domain
from messaging_core.facade.changing import Changing
from messaging_core.facade.reading import Reading
from messaging_core.facade.receiving import Receiving
from messaging_core.facade.sending import Sending
from messaging_core.messages.campaigns import CampaignLookup
from messaging_core.messages.changes import MessageChanges
from messaging_core.messages.events import EventSubscriptions
from messaging_core.messages.lookup import MessageLookup
from messaging_core.messages.replay import MessageReplayer
from messaging_core.messages.rollups import RollupCounter, RollupLookup
from messaging_core.models.common.channel import Channel
from messaging_core.models.people.suppression import SuppressionCause
from messaging_core.models.policy.send_rules import SendRules
from messaging_core.policy.policies import policies_of
from messaging_core.ports.audience import Audience
from messaging_core.ports.clock import Clock, Ids, SystemClock, TimeOrderedIds
from messaging_core.ports.codes import Codes, RandomCodes
from messaging_core.ports.components import (
    A_MEDIA_CHECK,
    A_STORAGE,
    A_TELEMETRY,
    AN_AUDIENCE,
    AN_ENGINE,
    CODES,
    FILES,
    IDS,
    a_clock,
    pairs_of_channels,
    parsers_of,
    send_rules_of,
)
from messaging_core.ports.files import Files
from messaging_core.ports.guarded import (
    GuardedAudience,
    GuardedCodes,
    GuardedEngine,
    GuardedFiles,
    GuardedMediaCheck,
)
from messaging_core.ports.guarded_telemetry import GuardedTelemetry
from messaging_core.ports.media import MediaCheck
from messaging_core.ports.receipts import ReceiptParser
from messaging_core.ports.storage.transaction import Storage
from messaging_core.ports.telemetry import NO_TELEMETRY, Telemetry
from messaging_core.ports.templates import TemplateEngine
from messaging_core.ports.transport import Transport, close_transports, share_transports
from messaging_core.receipts.inbox import ReceiptInbox
from messaging_core.receipts.incoming_media import IncomingMedia
from messaging_core.receipts.keywords import Keywords
from messaging_core.receipts.webhooks import WebhookReceiver
from messaging_core.templates.resolver import TemplateResolver
from messaging_core.wakeup import wake_up_of
from messaging_core.wire import WireLimits


class Messenger(Sending, Reading, Changing, Receiving):
    """Accept messages into a storage, and answer questions about them.

    One messenger serves many threads. It never calls a provider: a `Worker` delivers.

    Args:
        storage: Where messages are stored.
        channels: Every channel, with the transport that delivers its messages.
        clock: The source of the current time; by default the clock of this machine.
        ids: Makes message ids; UUIDv7 by default.
        limits: How large and deep a JSON request may be.
        idempotency_window: How long an idempotency key returns its message, counted from
            acceptance; then the key is free again. At most ten years.
        send_rules: Quiet hours, frequency caps and other rules: for all messages, or by the id of
            a workspace or channel. The rules of a channel are combined with those of its
            workspace.
        keywords: How the engine reacts when a person writes STOP, START or HELP to an SMS channel.
        suppress_on: Which reports suppress an address without a call of the host.
        template_engine: Renders the templates that name it; templates with plain placeholders
            need none.
        short_link_domain: The host of short links that name the domain `default`, and of the
            links and pixels by which the engine counts the clicks and opens of email.
        codes: Makes the codes of short links; random by default.
        default_channels: Which channels `notify` uses if a workspace has several of a platform.
        audience: Finds the recipients and clusters of `notify`; by default `contacts` and their
            lists.
        files: Where `notify` finds attachments.
        receipt_parsers: Read the webhooks of providers for `receive_webhook`.
        media_check: Refuses media URLs at `send`, such as `Uploads` does for files that were not
            uploaded.
        incoming_media: Where workers keep the pictures and files of messages that people send;
            without it they stay at the providers, by their URLs.
        telemetry: Told of what the engine does, for traces and metrics; see `Telemetry`.

    Use it as a context manager, or call `close`, to close its storage and transports.

    Raises:
        ConfigurationError: A channel is invalid, or two channels have the same id or name; the
            window is not a valid time; the domain is not a host name; or the send rules
            contradict themselves.
    """

    @checked(
        storage=A_STORAGE,
        channels=pairs_of_channels,
        clock=optional(a_clock),
        ids=optional(IDS),
        limits=optional(a(WireLimits, "WireLimits", "write limits=WireLimits(max_bytes=100_000)")),
        idempotency_window=any_span,
        send_rules=optional(send_rules_of),
        keywords=optional(a(Keywords, "Keywords", "write keywords=Keywords(enabled=False)")),
        suppress_on=members(SuppressionCause),
        template_engine=optional(AN_ENGINE),
        short_link_domain=optional(a_text),
        codes=optional(CODES),
        default_channels=several("channels", alone=(str, UUID, Channel)),
        audience=optional(AN_AUDIENCE),
        files=optional(FILES),
        receipt_parsers=parsers_of,
        media_check=optional(A_MEDIA_CHECK),
        incoming_media=optional(
            a(IncomingMedia, "IncomingMedia", "write incoming_media=IncomingMedia(store=…)")
        ),
        telemetry=optional(A_TELEMETRY),
    )
    def __init__(  # noqa: PLR0913 - two are needed, the others have defaults
        self,
        *,
        storage: Storage,
        channels: Mapping[Channel, Transport],
        clock: Clock | None = None,
        ids: Ids | None = None,
        limits: WireLimits | None = None,
        idempotency_window: timedelta = DEFAULT_WINDOW,
        send_rules: SendRules | Mapping[UUID, SendRules] | None = None,
        keywords: Keywords | None = None,
        suppress_on: Collection[SuppressionCause] = SUPPRESS_ON,
        template_engine: TemplateEngine | None = None,
        short_link_domain: str | None = None,
        codes: Codes | None = None,
        default_channels: Collection[ChannelReference] = (),
        audience: Audience | None = None,
        files: Files | None = None,
        receipt_parsers: Iterable[ReceiptParser] = (),
        media_check: MediaCheck | None = None,
        incoming_media: IncomingMedia | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        self.storage = storage
        self.clock = clock or SystemClock()
        self.channels = ChannelRegistry(channels, default_channels)
        share_transports(channels.values(), storage, self.clock)
        self.context = EngineContext(
            storage=storage,
            clock=self.clock,
            ids=ids or TimeOrderedIds(),
            channels=self.channels,
            policies=policies_of(send_rules),
            limits=limits or WireLimits(),
            suppress_on=frozenset(suppress_on),
            wake_up=wake_up_of(storage),
            telemetry=NO_TELEMETRY if telemetry is None else GuardedTelemetry(telemetry),
        )
        own = {template_engine.name: GuardedEngine(template_engine)} if template_engine else {}
        self.acceptor = MessageAcceptor(
            context=self.context,
            template_resolver=TemplateResolver(storage=storage, own_engines=own),
            linking=Linking(
                default_domain=checked_domain(short_link_domain),
                new_code=(RandomCodes() if codes is None else GuardedCodes(codes)).new,
                lacks=lambda channel: self.channels.capabilities(channel.id).lacks,
                may_track=lambda channel: self.context.policies.of(channel).mail_tracking,
            ),
            idempotency_window=check_window(idempotency_window),
            media_check=None if media_check is None else GuardedMediaCheck(media_check),
        )
        self._media_check = media_check
        self._group = GroupAcceptor(self.acceptor.accept)
        self._lookup = MessageLookup(storage=storage)
        self._changes = MessageChanges(context=self.context)
        self._replayer = MessageReplayer(context=self.context, linking=self.acceptor.linking)
        parsers = cast("Mapping[str, ReceiptParser]", receipt_parsers or {})  # the check made it
        self.inbox = ReceiptInbox(
            context=self.context,
            acceptor=self.acceptor,
            keywords=keywords or Keywords(),
            parsers=parsers,
            media=incoming_media,
        )
        self._webhooks = WebhookReceiver(self.inbox, parsers)
        self.subscriptions = EventSubscriptions(storage, self.clock)
        self.rollup_counter = RollupCounter(storage, self.clock)
        self._rollups = RollupLookup(storage=storage, clock=self.clock)
        self._campaigns = CampaignLookup(storage=storage, clock=self.clock)
        self._audience = None if audience is None else GuardedAudience(audience)
        self._files = None if files is None else GuardedFiles(files)

    @classmethod
    def from_config(cls, source: str | PathLike[str] | Mapping[str, Any], **options: Any) -> Self:
        """Make a messenger from a TOML file that describes its channels, or the same as a mapping.

        The package `messaging_adapters` reads it; see its `messenger_from`.

        Args:
            source: The path of the file, or a mapping with the same keys.
            options: Further arguments, such as `storage` or `send_rules`. The configuration gives
                `channels`.

        Raises:
            ArgumentError: `channels` is given, or `make`.
            ConfigurationError: The file is missing, or with one line for each fault in it; or a
                variable or a package is missing.
        """
        from messaging_core.ports.configuration import configured_by  # noqa: PLC0415 - rarely used

        if "make" in options:
            raise refuse("make", "left out", options["make"], "call from_config of your own class")
        messenger: Self = configured_by(source, make=cls, **options)
        return messenger

    def close(self) -> None:
        """Close the storage, the transports, the check and the store of media; workers stop first.

        Those are closed that can be.
        """
        routes = [self.channels.route(channel_id) for channel_id in self.channels.by_id]
        close_transports(route[1] for route in routes if route)
        media_store = self.inbox.media and self.inbox.media.store
        for own in (self._media_check, media_store, self.storage):
            close = getattr(own, "close", None)
            if close is not None:
                close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
