"""Accept notifications: one message for each user and channel."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar
from uuid import UUID

from attrs import evolve, field

from messaging_core.acceptance.acceptor import MessageAcceptor
from messaging_core.acceptance.bulk import CHUNK, chunks, gc_paused
from messaging_core.acceptance.idempotency import check_key
from messaging_core.acceptance.submission import AcceptResult, Submission
from messaging_core.acceptance.telemetry import ACCEPTED, send_operation
from messaging_core.decisions.acceptance.notification_outcome import error_of, outcome_of
from messaging_core.errors import IdempotencyConflictError, InvalidRequestError
from messaging_core.lazy import define, frozen
from messaging_core.models.common.channel import EMAIL, PUSH, Channel
from messaging_core.models.common.violation import Violation
from messaging_core.models.content.template_project import TemplateProject
from messaging_core.models.messages.notification import (
    MessageIds,
    Notification,
    NotificationFailure,
    NotificationReport,
    NotificationSkip,
)
from messaging_core.models.messages.request import SendMessage
from messaging_core.models.people.contact import (
    Receiver,
    ReceiverContact,
    ReceiverType,
    Sender,
    SenderConnector,
)
from messaging_core.models.people.user import Unresolved, User
from messaging_core.models.policy.reasons import ReasonCode
from messaging_core.notifications.attachments import Attachments, attachments_of
from messaging_core.notifications.audience import ContactAudience
from messaging_core.notifications.content import ContentSource, NotificationContent, content_source
from messaging_core.ports.audience import Audience
from messaging_core.ports.files import Files
from messaging_core.rules.addressing.addresses import address_key
from messaging_core.rules.requests.notification import (
    check_notification,
    sender_channel,
    valid_addresses,
)
from messaging_core.wire import Json, WireLimits, dump, load

LIMITS: Final = WireLimits(max_bytes=16_000_000)
"""Limits of a notification in JSON: room for some hundred thousand recipients."""

_EMAIL_KEY: Final = "emailaddress"
T = TypeVar("T")


def parse_notification(data: Json, *, limits: WireLimits = LIMITS) -> Notification:
    """Read a notification from JSON.

    Raises:
        InvalidDocumentError: With every violation, each with a JSON pointer into the request.
    """
    return load(Notification, data, limits=limits)


@frozen(kw_only=True)
class NotificationService:
    """Accepts notifications.

    Attributes:
        audience: Resolves recipients and clusters to users; by default the contacts and lists of
            the messenger.
        files: The source of attachments.
    """

    acceptor: MessageAcceptor
    audience: Audience | None = None
    files: Files | None = None

    def notify(
        self,
        notification: Notification | Json,
        *,
        key: str | None,
        workspace: UUID,
        connection: Any,
    ) -> NotificationReport:
        """Accept a message for each user and channel, chunk by chunk.

        Raises:
            InvalidRequestError: The notification breaks rules; nothing was written.
            MediaError: The source of files failed, so it is unknown whether the files exist;
                nothing was written.
        """
        notification = _well_formed(notification)
        run = self._run(notification, key, workspace, connection)
        audience = self.audience or ContactAudience(
            self.acceptor.context.storage, workspace=workspace
        )
        recipients = audience.resolve(notification.recipients, notification.clusters)
        for users in chunks(recipients, max(1, CHUNK // len(run.targets))):
            with gc_paused():
                run.accept(users)
        return run.report()

    def _run(
        self, notification: Notification, key: str | None, workspace: UUID, connection: Any
    ) -> "_NotificationRun":
        channels = self.acceptor.context.channels.by_platform(workspace)
        violations = check_notification(notification, channels, has_files=self.files is not None)
        violations += check_key(key) if key is not None else []
        targets = self._targets(notification, channels, workspace, violations)
        engines = self.acceptor.template_resolver.engines
        content = content_source(notification, self._template(notification, workspace), engines)
        if isinstance(content, Sequence):
            raise InvalidRequestError([*violations, *content])
        if violations:
            raise InvalidRequestError(violations)
        attachments = self._attachments(notification, content)
        if isinstance(attachments, Sequence):
            raise InvalidRequestError(attachments)
        return _NotificationRun(
            acceptor=self.acceptor,
            targets=targets,
            content=content,
            attachments=attachments,
            key=key,
            connection=connection,
        )

    def _template(self, notification: Notification, workspace: UUID) -> TemplateProject | None:
        if notification.template_id is None:
            return None
        with self.acceptor.context.storage.begin(read_only=True) as tx:
            return tx.templates.get(workspace, notification.template_id)

    def _attachments(
        self, notification: Notification, content: ContentSource
    ) -> Attachments | Sequence[Violation]:
        if EMAIL not in notification.channels:
            return Attachments()
        names, contents = notification.email_attachments, content.attachments()
        return attachments_of(names, contents, self.files)

    def _targets(
        self,
        notification: Notification,
        channels: Mapping[str, Channel],
        workspace: UUID,
        violations: list[Violation],
    ) -> list["_ChannelTarget"]:
        targets = [
            _ChannelTarget(platform=platform, channel=channels[platform])
            for platform in dict.fromkeys(notification.channels)
            if platform in channels
        ]
        senders = self.acceptor.context.channels.of(workspace, EMAIL)
        return [
            _as_email(target, notification, senders, violations)
            if target.platform == EMAIL
            else target
            for target in targets
        ]


@frozen(kw_only=True)
class _ChannelTarget:
    """One channel that a notification is sent on.

    Attributes:
        platform: The name of the channel in the notification and its report.
        copies: The contacts that get a copy of each email.
    """

    platform: str
    channel: Channel
    sender: Sender | None = None
    copies: tuple[ReceiverContact, ...] = ()


@define(kw_only=True)
class _NotificationRun:
    """Accepts the messages of one notification, and collects its report."""

    acceptor: MessageAcceptor
    targets: Sequence[_ChannelTarget]
    content: ContentSource
    attachments: Attachments
    key: str | None
    connection: Any
    failures: list[NotificationFailure] = field(factory=list)
    skipped: list[NotificationSkip] = field(factory=list)
    unresolved: list[Unresolved] = field(factory=list)
    messages: MessageIds = field(factory=MessageIds)

    def accept(self, users: Iterable[User | Unresolved]) -> None:
        """Accept the messages to these users in one transaction."""
        context = self.acceptor.context
        submissions: list[Submission] = []
        owners: list[tuple[str, str]] = []
        for user in users:
            if isinstance(user, Unresolved):
                self.unresolved.append(user)
                continue
            for target in self.targets:
                request = self._request(user, target)
                if request is not None:
                    submissions.append(self._submission(request, user.id, target))
                    owners.append((user.id, target.platform))
        with send_operation(context, None, len(submissions)) as done:
            trace = context.telemetry.trace()
            submissions = [evolve(submission, trace=trace) for submission in submissions]
            results = self.acceptor.accept(submissions, connection=self.connection)
            done(ACCEPTED)
        for owner, result in zip(owners, results, strict=True):
            self._record(*owner, result)

    def report(self) -> NotificationReport:
        return NotificationReport(
            failures=tuple(self.failures),
            skipped=tuple(self.skipped),
            unresolved=tuple(self.unresolved),
            messages=self.messages,
        )

    def _request(self, user: User, target: _ChannelTarget) -> SendMessage | None:
        """Return the request for a user on a channel; if impossible, record why."""
        address = user.address(target.channel.identifier_key)
        if not address:
            self._skip(user.id, target.platform, ReasonCode.RECEIVER_UNREACHABLE)
            return None
        content = self.content.content_for(user, target.channel)
        if not isinstance(content, NotificationContent):
            self._fail(user.id, target.platform, error_of(content))
            return None
        body = self.attachments.attach(content.body) if target.platform == EMAIL else content.body
        if isinstance(body, Sequence):
            self._fail(user.id, target.platform, error_of(body))
            return None
        return SendMessage(
            receiver=_receiver(user, address, target),
            body=body,
            meta=content.meta,
            sender=target.sender,
            reference=user.id,
            short_links=content.short_links,
        )

    def _submission(self, request: SendMessage, user_id: str, target: _ChannelTarget) -> Submission:
        key = None if self.key is None else key_for(self.key, user_id, target.platform)
        return Submission(channel=target.channel, request=request, idempotency_key=key)

    def _record(self, user_id: str, platform: str, result: AcceptResult) -> None:
        if isinstance(result, InvalidRequestError):
            self._refuse(user_id, platform, result)
        else:
            outcome = outcome_of(result, user_id, platform)
            if isinstance(outcome, NotificationSkip):
                self.skipped.append(outcome)
                return
            self.messages.append(result.id)
            if outcome is not None:
                self.failures.append(outcome)

    def _refuse(self, user_id: str, platform: str, error: InvalidRequestError) -> None:
        code = error.violations[0].code
        if code.startswith("idempotency."):
            # An earlier call with this key accepted a message to this user. It is not repeated.
            earlier = error.message_id if isinstance(error, IdempotencyConflictError) else None
            self._skip(user_id, platform, code, earlier)
        else:
            self._fail(user_id, platform, error_of(error.violations))

    def _skip(
        self, user_id: str, platform: str, reason: str, message_id: UUID | None = None
    ) -> None:
        self.skipped.append(
            NotificationSkip(
                user_id=user_id, channel=platform, reason=str(reason), message_id=message_id
            )
        )

    def _fail(self, user_id: str, platform: str, error: str) -> None:
        self.failures.append(NotificationFailure(user_id=user_id, channel=platform, error=error))


def key_for(key: str, user_id: str, platform: str) -> str:
    """Return the idempotency key of one message of a notification."""
    parts = [part.encode("utf-8", "surrogatepass") for part in (key, platform, user_id)]
    # The lengths keep the parts apart: ("ab", "c") and ("a", "bc") get different keys.
    digest = hashlib.sha256(b"".join(b"%d:%b" % (len(part), part) for part in parts))
    return f"notification:{digest.hexdigest()}"


def _receiver(user: User, address: str, target: _ChannelTarget) -> Receiver:
    key = target.channel.identifier_key
    to = ReceiverContact(identifier_key=key, identifier_value=address)
    if target.channel.platform == PUSH:  # to each device
        devices = [own for own in user.identifiers if own.identifier_key == key]
        to = to if len(devices) == 1 else ReceiverContact(identifiers=tuple(devices))
    if not target.copies:
        return Receiver(contacts=(to,))
    own = address_key(_EMAIL_KEY, address)
    copies = [
        copy
        for copy in target.copies
        if address_key(_EMAIL_KEY, copy.identifier_value or "") != own
    ]
    return Receiver(contacts=(to, *copies))


def _as_email(
    target: _ChannelTarget,
    notification: Notification,
    senders: Sequence[Channel],
    violations: list[Violation],
) -> _ChannelTarget:
    """Return the target with the copies and the sender that only emails have."""
    target = evolve(target, copies=_copies(notification))
    if notification.email_sender is None:
        return target
    try:
        # The default email channel is preferred, if it can send from that address.
        channel, user = sender_channel(notification.email_sender, [target.channel, *senders])
    except LookupError:
        message = "give an address of an email channel of the workspace, or one on its domain"
        violations.append(Violation("/emailSender", "notification.unknown_sender", message))
        return target
    sender = Sender(connector=SenderConnector(identifier_value=user)) if user else None
    return evolve(target, channel=channel, sender=sender)


def _copies(notification: Notification) -> tuple[ReceiverContact, ...]:
    """Return the contacts that get a copy; an address in both lists is a visible copy."""
    copies: dict[str, ReceiverContact] = {}
    for type_, addresses in (
        (ReceiverType.CC, notification.email_carbon_copies),
        (ReceiverType.BCC, notification.email_blind_carbon_copies),
    ):
        for address in valid_addresses(addresses):
            contact = ReceiverContact(
                identifier_key=_EMAIL_KEY, identifier_value=address, type=type_
            )
            copies.setdefault(address_key(_EMAIL_KEY, address), contact)
    return tuple(copies.values())


def _well_formed(notification: Notification | Json) -> Notification:
    """Check a notification that was built in code like JSON, except its data."""
    if not isinstance(notification, Notification):
        return parse_notification(notification)
    # Data may hold values that JSON has no type for, such as dates, which templates can write.
    data = notification.data
    checked = parse_notification(
        dump(evolve(notification, data={} if isinstance(data, Mapping) else data))
    )
    return evolve(checked, data=data)
