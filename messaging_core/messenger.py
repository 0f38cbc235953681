"""The façade that a host calls: send, plan, look up, list, cancel and move messages.

Each method delegates to the part that does the work. The module is long because its docstrings are
the reference of every call.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import cached_property
from os import PathLike
from typing import TYPE_CHECKING, Any, Self, Unpack, cast
from uuid import UUID

from attrs import evolve

from messaging_core.acceptance.acceptor import MessageAcceptor
from messaging_core.acceptance.batch import BatchAcceptor
from messaging_core.acceptance.bulk import accept_each, accept_many
from messaging_core.acceptance.group_commit import GroupAcceptor
from messaging_core.acceptance.idempotency import DEFAULT_WINDOW, check_window
from messaging_core.acceptance.media import may_name_media
from messaging_core.acceptance.preview import next_allowed, preview
from messaging_core.acceptance.submission import Request, Submission, request_of
from messaging_core.arguments import (
    a,
    a_text,
    any_instant,
    any_span,
    any_whole,
    checked,
    choice,
    flag,
    function,
    id_of,
    instant,
    members,
    optional,
    refuse,
    several,
    span,
    uuid,
    whole,
)
from messaging_core.channels import ChannelReference, ChannelRegistry
from messaging_core.context import SUPPRESS_ON, EngineContext
from messaging_core.decisions.content.link_planning import Linking, checked_domain
from messaging_core.errors import InvalidRequestError
from messaging_core.messages.campaigns import CampaignLookup
from messaging_core.messages.changes import MessageChanges
from messaging_core.messages.events import EventSubscriptions, Handler
from messaging_core.messages.lookup import MessageLookup
from messaging_core.messages.replay import MessageReplayer
from messaging_core.messages.retention import purge_of
from messaging_core.messages.rollups import RollupCounter, RollupLookup
from messaging_core.models.common.audit import AuditEntry
from messaging_core.models.common.channel import DEFAULT_WORKSPACE, Channel
from messaging_core.models.common.page import DEFAULT_LIMIT, MAX_LIMIT, Page
from messaging_core.models.content.meta import Meta
from messaging_core.models.content.rendered_template import RenderedTemplate
from messaging_core.models.delivery.campaign import Campaign
from messaging_core.models.delivery.damage import DamagedRows
from messaging_core.models.delivery.doubts import Doubts
from messaging_core.models.delivery.event import Event, EventKind
from messaging_core.models.delivery.interaction import Conversion, Interaction
from messaging_core.models.delivery.receipt import KeptReceipt, Receipt, Reception
from messaging_core.models.delivery.rollups import FIVE_MINUTES, RollupBy, Rollups, Tag
from messaging_core.models.messages.batch import Batch
from messaging_core.models.messages.counts import CountBy, Counts
from messaging_core.models.messages.message import Message
from messaging_core.models.messages.notification import Notification, NotificationReport
from messaging_core.models.messages.query import MessageQuery
from messaging_core.models.messages.received_file import ReceivedFile
from messaging_core.models.messages.request_fields import RequestFields
from messaging_core.models.messages.retention import Keep, Purged
from messaging_core.models.people.suppression import SuppressionCause
from messaging_core.models.policy.plan import Plan, Rejection
from messaging_core.models.policy.send_rules import SendRules
from messaging_core.policy.policies import policies_of
from messaging_core.ports.audience import Audience
from messaging_core.ports.clock import Clock, Ids, SystemClock, TimeOrderedIds
from messaging_core.ports.codes import Codes, RandomCodes
from messaging_core.ports.components import (
    A_CONVERSION,
    A_MEDIA_CHECK,
    A_META,
    A_QUERY,
    A_STORAGE,
    AN_AUDIENCE,
    AN_AUDIT_ENTRY,
    AN_ENGINE,
    CODES,
    FILES,
    IDS,
    RECEIPTS,
    a_clock,
    a_webhook_request,
    contact_id,
    keys_of,
    pairs_of_channels,
    parsers_of,
    requests_of,
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
from messaging_core.ports.http import HttpClient, HttpRequest, HttpResponse
from messaging_core.ports.media import MediaCheck
from messaging_core.ports.receipts import ReceiptParser
from messaging_core.ports.storage.transaction import Storage
from messaging_core.ports.templates import TemplateEngine
from messaging_core.ports.transport import Transport, close_transports
from messaging_core.receipts.clicks import record_open, resolve_short_link
from messaging_core.receipts.conversions import record_conversion
from messaging_core.receipts.inbox import ReceiptInbox
from messaging_core.receipts.incoming_media import IncomingMedia
from messaging_core.receipts.keywords import Keywords
from messaging_core.receipts.webhooks import WebhookReceiver
from messaging_core.templates.resolver import TemplateResolver
from messaging_core.wire import Json, WireLimits
from messaging_core.wire.receipts import as_receipts

if TYPE_CHECKING:  # loaded on first use: most programs only send
    from messaging_core.acceptance.contact_preview import ContactInspection
    from messaging_core.contacts.directory import ContactDirectory
    from messaging_core.contacts.suppressions import SuppressionList
    from messaging_core.messages.audit import AuditTrail, PageRecords
    from messaging_core.messages.inspection import Changes, Inspection
    from messaging_core.messages.media import MediaLookup, MessageMedia
    from messaging_core.messages.webhook_sender import WebhookSender
    from messaging_core.messages.webhooks import WebhookSubscriptions
    from messaging_core.models.delivery.health import Health
    from messaging_core.models.delivery.worker_state import WorkerState
    from messaging_core.notifications.service import NotificationService
    from messaging_core.receipts.media_fetcher import MediaFetcher
    from messaging_core.templates.store import TemplateStore


class Messenger:
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
    ) -> None:
        self.storage = storage
        self.clock = clock or SystemClock()
        self.channels = ChannelRegistry(channels, default_channels)
        self.context = EngineContext(
            storage=storage,
            clock=self.clock,
            ids=ids or TimeOrderedIds(),
            channels=self.channels,
            policies=policies_of(send_rules),
            limits=limits or WireLimits(),
            suppress_on=frozenset(suppress_on),
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

    def send(
        self,
        channel: ChannelReference,
        request: Request | None = None,
        *,
        idempotency_key: str | None = None,
        connection: Any = None,
        **fields: Unpack[RequestFields],
    ) -> Message:
        """Accept one message; when this returns, it is durable, and a worker delivers it.

        Args:
            channel: The channel, its id, or its name in the default workspace.
            request: A `SendMessage`, or JSON in the shape of the Bird Channels API. Or leave it
                out, and write the message by keywords: `to="+31612345678", text="…"`.
            idempotency_key: A second call with the same key and request returns the first
                message, as long as keys are stored.
            connection: The host's own database connection; then the message is part of the
                host's transaction, and durable when the host commits.
            fields: `to`, `text` and the other keywords of `RequestFields`.

        Raises:
            ArgumentError: The keywords make no request.
            InvalidMessageError: The request breaks rules; with all violations. Nothing was
                written.
            IdempotencyConflictError: The key was used for another request; the error names the
                fields that differ.
            UnknownChannelError: The channel does not exist.
            StorageError: The storage failed; nothing was written.
        """
        submission = Submission(
            channel=self.channel(channel),
            request=request_of(request, fields),
            idempotency_key=idempotency_key,
        )
        # A check of media may wait for a store far away, and a group waits for all its requests.
        waits = self._media_check is not None and may_name_media(submission.request)
        if connection is None and not waits:
            return self._group.accept(submission)
        (answer,) = self.acceptor.accept([submission], connection=connection)
        if isinstance(answer, InvalidRequestError):
            raise answer
        return answer

    @checked(requests=requests_of, idempotency_keys=optional(keys_of))
    def send_many(
        self,
        channel: ChannelReference,
        requests: Iterable[Request],
        *,
        idempotency_keys: Iterable[str | None] | None = None,
        connection: Any = None,
    ) -> list[Message | Rejection]:
        """Accept many messages, a thousand in one transaction; much faster than one by one.

        A request that breaks rules is answered with a `Rejection`; the others are accepted. If
        the storage fails, earlier chunks stay accepted.

        Args:
            channel: As for `send`.
            requests: Any number, also from a generator. A dict with a `to` is read as the keywords
                of `send`: `{"to": "+31612345678", "text": "…"}`.
            idempotency_keys: One for each request, so that an interrupted import can be repeated.
            connection: As for `send`; then everything is part of the host's transaction.

        Returns:
            One answer for each request, in order.

        Raises:
            UnknownChannelError: The channel does not exist.
            StorageError: The storage failed.
            ArgumentError: There are fewer or more keys than requests; the chunk in which the keys
                run out is not written.
        """
        return accept_many(
            self.acceptor,
            self.channel(channel),
            requests,
            keys=idempotency_keys,
            connection=connection,
        )

    @checked(requests=requests_of, idempotency_keys=optional(keys_of))
    def send_each(
        self,
        channel: ChannelReference,
        requests: Iterable[Request],
        *,
        idempotency_keys: Iterable[str | None] | None = None,
    ) -> Iterator[Message | Rejection]:
        """Accept as `send_many` does, and yield the answers: memory holds one chunk at a time.

        Nothing is accepted before the caller asks for the first answer. A thousand requests are
        read and committed, then their answers are yielded. If the caller stops early, the current
        chunk stays accepted, and later requests are not read.

        Args:
            channel: As for `send`.
            requests: As for `send_many`.
            idempotency_keys: As for `send_many`.

        Raises:
            UnknownChannelError: The channel does not exist; raised by the call itself.
            StorageError: The storage failed; earlier chunks are accepted, and were answered.
            ArgumentError: As for `send_many`.
        """
        return accept_each(self.acceptor, self.channel(channel), requests, keys=idempotency_keys)

    @checked(requests=requests_of)
    def send_batch(
        self,
        channel: ChannelReference,
        requests: Iterable[Request],
        *,
        idempotency_key: str | None = None,
        connection: Any = None,
    ) -> Batch:
        """Accept 1 to 100 requests as one batch, which can be listed and cancelled as a whole.

        Everything is written in one transaction. A request that breaks rules becomes a message
        with status `rejected`, which is never sent; the others are accepted. Its `failure` and
        `details` name the first violation, and its `reason` lists all of them, one a line. The
        readable part of the request is stored with it.

        Args:
            channel: As for `send`.
            requests: 1 to 100, each as for `send`.
            idempotency_key: One for the whole batch. A second call with the same key and requests
                returns the first batch, as it is now.
            connection: As for `send`.

        Raises:
            InvalidMessageError: There is no request, or more than 100, or the key is not 1 to
                255 printable characters; nothing was written.
            IdempotencyConflictError: The key was used for other requests; the error names the
                fields that differ.
            UnknownChannelError: The channel does not exist.
            StorageError: The storage failed; nothing was written.
            ArgumentError: `requests` is a single request.
        """
        return BatchAcceptor(acceptor=self.acceptor).accept(
            self.channel(channel),
            list(requests),
            idempotency_key=idempotency_key,
            connection=connection,
        )

    @checked(workspace=uuid)
    def notify(
        self,
        notification: Notification | Json,
        *,
        idempotency_key: str | None = None,
        workspace: UUID = DEFAULT_WORKSPACE,
        connection: Any = None,
    ) -> NotificationReport:
        """Accept one message for each user and channel, in bounded memory; a worker delivers.

        `Worker.notify` also delivers before it returns. Everything is checked before the first
        message is written; after that, a problem of one user does not affect the others. If the
        storage fails, messages of earlier users stay accepted: repeat the call with the same key.

        Args:
            notification: A `Notification`, or JSON as for `POST /send` of the Mia-Platform
                Messaging Service.
            idempotency_key: A second call with the same key sends no second message to a user on a
                channel, as long as keys are stored.
            workspace: Its tenant.
            connection: As for `send`; then everything is part of the host's transaction.

        Returns:
            The messages, and the users who get none, with the reasons.

        Raises:
            InvalidRequestError: It breaks rules; with all violations. Nothing was written.
            MediaError: Its files could not be looked up; nothing was written.
            StorageError: The storage failed.
        """
        return self._notifications.notify(
            notification, key=idempotency_key, workspace=workspace, connection=connection
        )

    def plan(
        self,
        channel: ChannelReference,
        request: Request | None = None,
        **fields: Unpack[RequestFields],
    ) -> Plan:
        """Show what `send` would do with a request now, and write nothing.

        Args:
            channel: As for `send`.
            request: As for `send`.
            fields: As for `send`.

        Raises:
            ArgumentError: The keywords make no request.
            UnknownChannelError: The channel does not exist.
        """
        return preview(self.acceptor, self.channel(channel), request_of(request, fields))

    @checked(receiver=a_text, identifier_key=optional(a_text), meta=optional(A_META))
    def next_allowed(
        self,
        channel: ChannelReference,
        receiver: str,
        *,
        identifier_key: str | None = None,
        meta: Meta | None = None,
    ) -> datetime | None:
        """Return when a receiver may get a message by all send rules, for a host's own page.

        Args:
            channel: As for `send`.
            receiver: The number or address, or another identifier of a contact.
            identifier_key: The kind of the identifier; by default the channel's own.
            meta: The `meta` of the message; its use case is the purpose of the message.

        Returns:
            The first instant at which caps and quiet hours allow the message; `None` if waiting
            does not help, because the receiver must not get it at all.

        Raises:
            UnknownChannelError: The channel does not exist.
        """
        return next_allowed(
            self.acceptor, self.channel(channel), receiver, key=identifier_key, meta=meta
        )

    @checked(template=a_text, locale=optional(a_text), version_id=optional(uuid))
    def render(
        self,
        template: str,
        locale: str | None = None,
        data: Mapping[str, Any] | None = None,
        *,
        channel: ChannelReference,
        version_id: UUID | None = None,
    ) -> RenderedTemplate:
        """Show the content that a template has on a channel, and send nothing.

        Args:
            template: The id or name of the project, in the workspace of the channel.
            locale: BCP 47 tag of the reader's language; by default the template's own.
            data: The values as one object; values that the template does not take are ignored.
            channel: As for `send`.
            version_id: Any version, also a draft; by default the latest, else the draft.

        Raises:
            InvalidTemplateError: It cannot be rendered with these values, or the channel does not
                support the content; with all violations.
            UnknownTemplateError: The template or the version does not exist.
            UnknownChannelError: The channel does not exist.
        """
        return self.templates.render(
            template, locale, data or {}, channel=self.channel(channel), version_id=version_id
        )

    @checked(message_id=id_of("message"), workspace=uuid)
    def get(self, message_id: UUID, *, workspace: UUID = DEFAULT_WORKSPACE) -> Message:
        """Return a message as it is now.

        Raises:
            UnknownMessageError: This workspace has no such message.
        """
        return self._lookup.get(message_id, workspace)

    @checked(message_id=id_of("message"), workspace=uuid)
    def get_json(self, message_id: UUID, *, workspace: UUID = DEFAULT_WORKSPACE) -> bytes:
        """Return a message as it is now, as the JSON that `wire.dump_message` writes.

        The stored document is returned without decoding it.

        Raises:
            UnknownMessageError: This workspace has no such message.
        """
        return self._lookup.get_json(message_id, workspace)

    @checked(message_id=id_of("message"), workspace=uuid)
    def inspect(self, message_id: UUID, *, workspace: UUID = DEFAULT_WORKSPACE) -> "Inspection":
        """Return everything that is stored about a message, for a page that shows it.

        Raises:
            UnknownMessageError: This workspace has no such message.
        """
        from messaging_core.messages.inspection import inspect  # noqa: PLC0415 - the same

        return inspect(self.context, message_id, workspace)

    @checked(contact_id=contact_id, workspace=uuid)
    def inspect_contact(
        self, contact_id: str, *, workspace: UUID = DEFAULT_WORKSPACE
    ) -> "ContactInspection":
        """Return a contact, and when it may get a message on each channel, for a page.

        Raises:
            UnknownContactError: This workspace has no such contact.
        """
        from messaging_core.acceptance.contact_preview import (  # noqa: PLC0415 - the same
            inspect_contact,
        )

        return inspect_contact(self.context, contact_id, workspace)

    @checked(after=optional(whole(0)), workspace=uuid, limit=whole(1, MAX_LIMIT))
    def changes(
        self, after: int | None = None, *, workspace: UUID = DEFAULT_WORKSPACE, limit: int = 500
    ) -> "Changes":
        """Return what happened to messages after a position, for a page that follows them.

        Args:
            after: `Changes.position` of the call before; without it only the position is returned.
            workspace: The tenant.
            limit: The most events of all workspaces that are read.
        """
        from messaging_core.messages.inspection import changes  # noqa: PLC0415 - the same

        return changes(self.context, after, workspace, limit)

    @checked(query=optional(A_QUERY))
    def find(self, query: MessageQuery | None = None) -> Page[Message]:
        """Return one page of messages, the newest first.

        Raises:
            InvalidQueryError: A filter, the limit or the page token is invalid.
            UnknownChannelError: The query names a channel that this messenger does not have.
        """
        return self._lookup.find(self._with_ids(query))

    @checked(query=optional(A_QUERY))
    def find_json(self, query: MessageQuery | None = None) -> bytes:
        """Return the page that `find` returns, as the JSON that `wire.dump_page` writes.

        The stored documents are returned without decoding them: a page of 1000 emails takes at
        most a tenth of the time.

        Raises:
            InvalidQueryError: A filter, the limit or the page token is invalid.
            UnknownChannelError: The query names a channel that this messenger does not have.
        """
        return self._lookup.find_json(self._with_ids(query))

    def _with_ids(self, query: MessageQuery | None) -> MessageQuery:
        """Return a query with the ids of channels that it names."""
        query = query or MessageQuery()
        return evolve(query, channel_id=self.channels.ids(query.channel_id))

    @checked(query=optional(A_QUERY), by=members(CountBy))
    def counts(self, query: MessageQuery | None = None, *, by: Collection[CountBy] = ()) -> Counts:
        """Return how many messages a query matches, without listing them.

        The cost is bounded: of more than 10,000 messages, 10,000 are counted, and the result says
        that there are more.

        Args:
            query: As for `find`; its limit and page token count for nothing.
            by: What to tell apart: `status`, `channel` and `day`, any of them.

        Raises:
            InvalidQueryError: A filter is invalid.
        """
        return self._lookup.counts(query, by)

    @checked(
        since=instant,
        until=optional(instant),
        tag=optional(a_text),
        step=span(),
        by=members(RollupBy),
        workspace=uuid,
    )
    def rollups(  # noqa: PLR0913 - one for each choice of the caller
        self,
        *,
        since: datetime,
        until: datetime | None = None,
        channel: ChannelReference | None = None,
        tag: str | None = None,
        step: timedelta = FIVE_MINUTES,
        by: Collection[RollupBy] = (RollupBy.OUTCOME,),
        workspace: UUID = DEFAULT_WORKSPACE,
    ) -> Rollups:
        """Return how many messages reached which outcome, in intervals of time.

        Workers keep these sums while they deliver, so that the cost does not grow with the
        number of messages. `Rollups.as_of` says how far they have come. A message counts in the
        interval in which it reached an outcome, and once for each outcome.

        Args:
            since: Aware instant; the answer begins with the interval that it is in.
            until: Aware instant, the present by default; the answer ends with its interval.
            channel: Only messages of this channel.
            tag: Only messages with this tag. Of each workspace, 1,000 new tags a day are kept.
            step: How long an interval is: a multiple of five minutes, at most a day. With less
                than a day, the answer covers at most 31 days, and at most 2,016 intervals.
            by: What to group by: `outcome`, `detail` and `channel`, any of them.
            workspace: Whose messages.

        Raises:
            InvalidQueryError: The intervals are wrong, or too many.
            UnknownChannelError: The channel does not exist.
        """
        channel_id = () if channel is None else (self.channel(channel).id,)
        return self._rollups.find(
            workspace=workspace,
            since=since,
            until=until,
            channel_id=channel_id,
            tag=tag,
            step=step,
            by=by,
        )

    @checked(tag=a_text, workspace=uuid)
    def campaign(self, tag: str, *, workspace: UUID = DEFAULT_WORKSPACE) -> Campaign:
        """Return what became of all messages with a tag: sent, failed, left out, clicked.

        The figures come from roll-ups, so that the cost does not grow with the campaign;
        `Campaign.as_of` says how far they have come. If roll-ups lack messages of the tag, up to
        10,000 messages are counted, and `Campaign.has_rollups` is False.

        Raises:
            InvalidQueryError: No message can have this tag.
        """
        return self._campaigns.get(tag, workspace)

    @checked(limit=any_whole, page_token=optional(a_text), workspace=uuid)
    def tags(
        self,
        *,
        limit: int = DEFAULT_LIMIT,
        page_token: str | None = None,
        workspace: UUID = DEFAULT_WORKSPACE,
    ) -> Page[Tag]:
        """Return one page of the tags of which roll-ups are kept, in the order of their names.

        Raises:
            InvalidQueryError: The limit or the page token is invalid.
        """
        return self._rollups.tags(workspace, limit=limit, page_token=page_token)

    @checked(name=a_text, workspace=uuid)
    def tag(self, name: str, *, workspace: UUID = DEFAULT_WORKSPACE) -> Tag | None:
        """Return a tag of which roll-ups are kept, or None."""
        return self._rollups.tag(name, workspace)

    @checked(message_id=id_of("message"), workspace=uuid, audit=AN_AUDIT_ENTRY)
    def cancel(
        self,
        message_id: UUID,
        *,
        workspace: UUID = DEFAULT_WORKSPACE,
        connection: Any = None,
        audit: AuditEntry | None = None,
    ) -> bool:
        """Withdraw a message that waits; its status becomes `deleted`.

        Args:
            message_id: The id of the message.
            workspace: Its tenant.
            connection: As for `send`.
            audit: Who does it and why, as `audit.entry` makes it; stored in the same transaction.

        Returns:
            True if it was certainly not sent and never will be. False if it is too late: a worker
            is handing it over, it is finished, or a provider or some of its receivers may have it.

        Raises:
            UnknownMessageError: This workspace has no such message.
        """
        return self._changes.cancel(message_id, workspace, connection, audit)

    @checked(batch_id=id_of("batch"), workspace=uuid)
    def cancel_batch(
        self,
        batch_id: UUID,
        *,
        workspace: UUID = DEFAULT_WORKSPACE,
        connection: Any = None,
    ) -> int:
        """Withdraw the messages of a batch that wait, by the rules of `cancel`.

        Returns:
            How many were certainly not sent and never will be; messages that were rejected or
            withdrawn before do not count.

        Raises:
            UnknownBatchError: This workspace has no such batch.
        """
        return self._changes.cancel_batch(batch_id, workspace, connection)

    @checked(message_id=id_of("message"), at=any_instant, workspace=uuid, audit=AN_AUDIT_ENTRY)
    def reschedule(
        self,
        message_id: UUID,
        at: datetime,
        *,
        workspace: UUID = DEFAULT_WORKSPACE,
        connection: Any = None,
        audit: AuditEntry | None = None,
    ) -> Message:
        """Move a message that waits to another time; its validity starts again at that time.

        Args:
            message_id: The id of the message.
            at: Aware instant, by the rules of `scheduled_for`: at most 35 days ahead; less than
                10 minutes ahead means now.
            workspace: Its tenant.
            connection: As for `send`.
            audit: As for `cancel`.

        Raises:
            InvalidMessageError: The time is not allowed.
            UnknownMessageError: This workspace has no such message.
            StateError: It no longer waits.
        """
        return self._changes.reschedule(message_id, at, workspace, connection, audit)

    @checked(receipts=RECEIPTS, workspace=uuid)
    def receive(
        self,
        receipts: Iterable[Receipt] | Receipt,
        *,
        workspace: UUID = DEFAULT_WORKSPACE,
        connection: Any = None,
    ) -> Reception:
        """Store and apply the receipts of providers, and the messages that people send.

        Everything is durable before it is applied. Receipts may come early, late, twice and in
        any order: the message ends with the same status. A receipt whose message is unknown waits
        for it. Subscribers get the events.

        Args:
            receipts: Status reports, interactions and incoming messages, in any order.
            workspace: Their tenant.
            connection: As for `send`.

        Raises:
            StorageError: The storage failed; nothing was written, and the provider should report
                again.
            ArgumentError: One of them is not a receipt; nothing was written.
            InvalidRequestError: A value of a receipt has the wrong type, or its instant has no
                offset; nothing was written.
        """
        return self.inbox.receive(as_receipts(receipts), workspace=workspace, connection=connection)

    @checked(name=a_text)
    def max_webhook_size(self, name: str) -> int:
        """Return how many bytes a request to `receive_webhook` may have, to read no more of it.

        That is the `max_size` of the parser; where no parser has this name, a mebibyte.
        """
        return self._webhooks.max_size(name)

    @checked(name=a_text, request=a_webhook_request, workspace=uuid)
    def receive_webhook(
        self, name: str, request: HttpRequest, *, workspace: UUID = DEFAULT_WORKSPACE
    ) -> HttpResponse:
        """Verify a provider's webhook request, keep what it reports, and return what to answer.

        Keeping is one transaction. A worker applies what is kept, so that nothing else delays the
        answer. A request that comes twice is answered alike and counts once. The answer is:

        - the parser's own, with a status of 2xx, when everything is kept;
        - 401 for a request that is not verified, or when the verification raises anything;
        - 413 for a body that is larger than the parser's `max_size`;
        - 400 for a verified request that does not have the provider's form;
        - 500 when the parser raises anything else: the host has to correct its set-up or the
          parser, and the provider repeats the request meanwhile;
        - 503 when the storage fails: the provider repeats the request.

        A log record names the reason of a refusal; the answer does not.

        Args:
            name: Which parser reads it.
            request: The request as it came. Its `url` is the public one, as the provider calls it:
                build it from your configuration, not from the `Host` header.
            workspace: The tenant of what is reported.

        Raises:
            UnknownWebhookError: No parser has this name; where the name is part of a path, answer
                with 404.
        """
        return self._webhooks.receive(name, request, workspace=workspace)

    @checked(handler=function, name=a_text, kinds=members(EventKind), from_start=flag)
    def subscribe(
        self,
        handler: Handler,
        *,
        name: str = "host",
        kinds: Collection[EventKind] = (),
        from_start: bool = False,
    ) -> None:
        """Call a function of the host with every event from now on.

        A thread of a worker calls it at least once with each event, in the order of the events,
        also after a restart: its position is stored under its name. If it raises, it is called
        with the event again, at most ten times, with growing pauses; messages are delivered
        meanwhile.

        Args:
            handler: Called with each event.
            name: Identifies the subscriber; the same name continues at its stored position.
            kinds: Which events it gets; by default all.
            from_start: Start a new name at the oldest stored event.

        Raises:
            ArgumentError: This messenger has a handler of that name already.
        """
        self.subscriptions.add(handler, name=name, kinds=kinds, from_start=from_start)

    @checked(message_id=id_of("message"), workspace=uuid)
    def timeline(self, message_id: UUID, *, workspace: UUID = DEFAULT_WORKSPACE) -> list[Event]:
        """Return the events of a message, in order.

        Raises:
            UnknownMessageError: This workspace has no such message.
        """
        return self._lookup.timeline(message_id, workspace)

    @checked(message_id=id_of("message"), workspace=uuid)
    def interactions(
        self, message_id: UUID, *, workspace: UUID = DEFAULT_WORKSPACE
    ) -> list[Interaction]:
        """Return what people did with a message, in order; each is first of its type or not.

        Raises:
            UnknownMessageError: This workspace has no such message.
        """
        return self._lookup.interactions(message_id, workspace)

    @checked(message_id=id_of("message"), file_id=id_of("file"), workspace=uuid)
    def media(
        self, message_id: UUID, file_id: UUID, *, workspace: UUID = DEFAULT_WORKSPACE
    ) -> "MessageMedia":
        """Return a picture or file of an incoming message, to be read from the media store.

        Raises:
            UnknownMessageError: This workspace has no such message.
            UnknownMediaError: The message has no such file.
            StateError: The file is not fetched yet: a worker will.
            MediaError: It could not be fetched and was given up.
            ConfigurationError: The messenger has no media store.
        """
        return self._media.get(message_id, file_id, workspace)

    @checked(message_id=id_of("message"), workspace=uuid)
    def received_files(
        self, message_id: UUID, *, workspace: UUID = DEFAULT_WORKSPACE
    ) -> list[ReceivedFile]:
        """Return what became of each file of an incoming message, in the order of its body.

        Raises:
            UnknownMessageError: This workspace has no such message.
        """
        return self._media.files(message_id, workspace)

    @checked(workspace=uuid)
    def retry_media(self, *, workspace: UUID = DEFAULT_WORKSPACE) -> int:
        """Let a worker fetch the files again that were given up, and return their number.

        Call it when the cause is corrected, such as wrong credentials.
        """
        return self._media.retry(workspace, self.clock.now())

    @checked(
        message_id=id_of("message"),
        conversion=A_CONVERSION,
        workspace=uuid,
    )
    def report_conversion(
        self,
        message_id: UUID,
        conversion: Conversion,
        *,
        workspace: UUID = DEFAULT_WORKSPACE,
        connection: Any = None,
    ) -> Interaction:
        """Record a conversion, such as a purchase, as an interaction of its message.

        Raises:
            InvalidRequestError: The conversion has an unknown type or status.
            UnknownMessageError: This workspace has no such message.
        """
        return record_conversion(
            self.inbox, message_id, conversion, workspace=workspace, connection=connection
        )

    @checked(
        before=instant,
        keep=choice(*Keep, case=str.lower),
        workspace=optional(uuid),
        limit=optional(whole()),
        chunk=whole(),
        unmatched=span(timedelta(0)),
        rollups=span(timedelta(0)),
    )
    def purge(  # noqa: PLR0913 - one for each choice of the host
        self,
        *,
        before: datetime,
        keep: Keep = Keep.NOTHING,
        workspace: UUID | None = None,
        limit: int | None = None,
        chunk: int = 100,
        unmatched: timedelta = timedelta(hours=72),
        rollups: timedelta = timedelta(days=90),
    ) -> Purged:
        """Delete or redact old messages, a bounded transaction at a time, while the engine runs.

        A message is old if it was accepted `before` an instant and is finished. Messages that
        wait or are being delivered stay. All data of a message are deleted with it; receipts are
        deleted from the inbox by their own age. Contacts and idempotency keys stay. You may
        interrupt the call and repeat it: it continues with the rest, and redacts nothing twice.

        Args:
            before: Aware instant.
            keep: `Keep.NOTHING` deletes; `Keep.RECORD` removes content and addresses, and keeps
                ids, status, times, channel, country, platform references and failure codes.
            workspace: Only this tenant; by default all.
            limit: The most messages, and the most receipts; `Purged.more` says whether to call
                again.
            chunk: How many messages one transaction removes.
            unmatched: After what time a receipt without a message is deleted.
            rollups: After what time roll-ups are deleted. Events that are in no roll-up yet are
                counted before their messages are deleted.

        Raises:
            StorageError: The storage failed; earlier chunks are removed.
            ArgumentError: `before` has no time zone, `keep` is not one of the choices, or `chunk`
                is less than one.
        """
        purged = purge_of(
            self.storage,
            self.clock,
            before=before,
            keep=keep,
            workspace=workspace,
            chunk=chunk,
            unmatched=unmatched,
            rollups=rollups,
        ).run(limit)
        if self.media_fetcher is not None:
            self.media_fetcher.remove_due()
        return purged

    @checked(code=a(str, "text", "pass the last part of the path"), prefetched=flag)
    def resolve_short_link(self, code: str, *, prefetched: bool = False) -> str:
        """Return the target of a short link, for a redirect, and record the click.

        Only stored targets are returned, so there is no open redirect. If the click cannot be
        written, the log says so, and the target is returned.

        Args:
            code: The last part of the short link's path.
            prefetched: A machine opened the link, not a person.

        Returns:
            An http or https address in ASCII.

        Raises:
            UnknownShortLinkError: The short link does not exist or has expired.
            StorageError: The code could not be looked up.
        """
        return resolve_short_link(self.inbox, code, prefetched=prefetched)

    @checked(
        code=a(str, "text", "pass the last part of the path"),
        prefetched=flag,
        proxy=optional(a_text),
    )
    def record_open(self, code: str, *, prefetched: bool = False, proxy: str | None = None) -> None:
        """Record that the pixel of an email was loaded.

        An unknown code changes nothing. If the open cannot be written, the log says so. Always
        answer with the same picture, so that the answer does not tell which codes exist.

        Args:
            code: The last part of the pixel's path.
            prefetched: A machine loaded the pixel, not a person.
            proxy: The service that loaded the pixel for a person, such as `google`.
        """
        record_open(self.inbox, code, prefetched=prefetched, proxy=proxy)

    def doubts(self) -> Doubts:
        """Count the attempts that a provider may have accepted, and how each of them ended."""
        return self._lookup.doubts()

    def workers(self) -> "list[WorkerState]":
        """Return the workers of this storage that have said something within a day.

        A worker says every five seconds that it is alive, what it has taken, and whether it asks
        the providers of its channels. One that stopped as it was told to is not among them. The
        latest comes first.
        """
        from messaging_core.messages.health import HealthLookup  # noqa: PLC0415 - the same

        return HealthLookup(context=self.context).workers()

    @checked(workspace=optional(uuid), overdue_limit=span())
    def health(
        self, *, workspace: UUID | None = None, overdue_limit: timedelta = timedelta(minutes=1)
    ) -> "Health":
        """Return whether messages are delivered in time, and the figures that say so.

        The cost is bounded: of each channel and lane 10,000 messages are counted, and
        `Health.is_exact` says whether there are more.

        Args:
            workspace: Whose doubts and dead letters are counted; by default those of every
                workspace that has a channel here. Workers and backlog are always of all.
            overdue_limit: How long a message may wait after it was due.

        Raises:
            StorageError: The storage failed: nothing is delivered.
        """
        from messaging_core.messages.health import HealthLookup  # noqa: PLC0415 - the same

        lookup = HealthLookup(context=self.context, subscribers=self.subscriptions.names)
        return lookup.get(workspace, overdue_limit)

    @checked(limit=whole())
    def damaged_rows(self, *, limit: int = 100) -> DamagedRows:
        """Return stored events and webhooks that could not be read, so that they were put aside.

        Args:
            limit: How many of each at most.
        """
        return self._lookup.damaged_rows(limit)

    @checked(workspace=uuid, limit=whole(1, MAX_LIMIT), after=whole(0))
    def failed_receipts(
        self, *, workspace: UUID = DEFAULT_WORKSPACE, limit: int = DEFAULT_LIMIT, after: int = 0
    ) -> list[KeptReceipt]:
        """Return receipts that could not be applied, the oldest first.

        A worker tries a receipt again after pauses that grow from a second to an hour. After 32
        failures, in the course of about a day, it puts the receipt aside. The log has the kind of
        error.

        Args:
            workspace: The tenant.
            limit: The most receipts, 1 to 1000.
            after: The `position` of the last receipt of the page before.
        """
        return self.inbox.failed(workspace, limit=limit, after=after)

    @checked(workspace=uuid)
    def retry_receipts(self, *, workspace: UUID = DEFAULT_WORKSPACE) -> int:
        """Let a worker apply all receipts of `failed_receipts` again, and return their number.

        Call it when you have corrected what made them fail.
        """
        return self.inbox.retry(workspace)

    @checked(workspace=uuid)
    def dead_letters(
        self,
        *,
        workspace: UUID = DEFAULT_WORKSPACE,
        limit: int = DEFAULT_LIMIT,
        page_token: str | None = None,
    ) -> Page[Message]:
        """Return one page of the messages that could not be sent, the newest first.

        Messages in doubt are not among them; `find` lists them by the status `processing` and the
        failure code 12005.

        Raises:
            InvalidQueryError: The limit or the page token is invalid.
        """
        return self._lookup.dead_letters(workspace, limit, page_token)

    @checked(message_id=id_of("message"), workspace=uuid, again=flag, audit=AN_AUDIT_ENTRY)
    def replay(
        self,
        message_id: UUID,
        *,
        workspace: UUID = DEFAULT_WORKSPACE,
        again: bool = False,
        connection: Any = None,
        audit: AuditEntry | None = None,
    ) -> Message:
        """Send a message again that failed or is in doubt.

        A message that failed stays as it is: a new message with its content is accepted, whose
        `origin` names it. Its validity starts now, and it is not scheduled. A second replay
        returns the same new message. A message in doubt is itself sent now, and may arrive twice.

        Args:
            message_id: The id of the message.
            workspace: Its tenant.
            again: Accept another message, although it was replayed before.
            connection: As for `send`.
            audit: As for `cancel`.

        Raises:
            UnknownMessageError: This workspace has no such message.
            UnknownChannelError: The host no longer has its channel.
            StateError: It neither failed nor is in doubt; or a worker is sending it.
        """
        channel = self.channel(self.get(message_id, workspace=workspace).channel_id)
        return self._replayer.replay(
            message_id, workspace, channel, again=again, connection=connection, audit=audit
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
