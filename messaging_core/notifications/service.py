"""One notification to many people over several channels: a message for each user and channel."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar
from uuid import UUID

from attrs import define, evolve, field, frozen

from messaging_core.acceptance.acceptor import MessageAcceptor
from messaging_core.acceptance.bulk import CHUNK, chunks, gc_paused
from messaging_core.acceptance.idempotency import check_key
from messaging_core.acceptance.submission import AcceptResult, Submission
from messaging_core.decisions.acceptance.notification_outcome import error_of, outcome_of
from messaging_core.errors import IdempotencyConflictError, InvalidRequestError
from messaging_core.models.common.channel import EMAIL, Channel
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
"""How large a notification in JSON may be: room for some hundred thousand recipients."""

_EMAIL_KEY: Final = "emailaddress"
T = TypeVar("T")


def parse_notification(data: Json, *, limits: WireLimits = LIMITS) -> Notification:
    """Read a notification, and learn everything that is wrong with its form at once.

    Raises:
        InvalidDocumentError: With every violation, each with a JSON pointer into the request.
    """
    return load(Notification, data, limits=limits)


@frozen(kw_only=True)
class NotificationService:
    """Accept notifications.

    Attributes:
        audience: Whom recipients and clusters mean; the messenger's own contacts by default.
        files: Where attachments come from.
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
            InvalidRequestError: It may not begin; nothing was written.
            MediaError: It cannot be told now whether its files are there; nothing was written.
        """
        notification = _well_formed(notification)
        job = self._job(notification, key, workspace, connection)
        audience = self.audience or ContactAudience(
            self.acceptor.context.storage, workspace=workspace
        )
        found = audience.resolve(notification.recipients, notification.clusters)
        for some in chunks(found, max(1, CHUNK // len(job.lines))):
            with gc_paused():
                job.take(some)
        return job.report()

    def _job(
        self, notification: Notification, key: str | None, workspace: UUID, connection: Any
    ) -> "_NotificationRun":
        channels = self.acceptor.context.channels.by_platform(workspace)
        violations = check_notification(notification, channels, has_files=self.files is not None)
        violations += check_key(key) if key is not None else []
        lines = self._lines(notification, channels, workspace, violations)
        engines = self.acceptor.template_resolver.engines
        wording = content_source(notification, self._template(notification, workspace), engines)
        if isinstance(wording, Sequence):
            raise InvalidRequestError([*violations, *wording])
        if violations:
            raise InvalidRequestError(violations)
        attachments = self._attachments(notification, wording)
        if isinstance(attachments, Sequence):
            raise InvalidRequestError(attachments)
        return _NotificationRun(
            acceptor=self.acceptor,
            lines=lines,
            wording=wording,
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
        self, notification: Notification, wording: ContentSource
    ) -> Attachments | Sequence[Violation]:
        if EMAIL not in notification.channels:
            return Attachments()
        names, contents = notification.email_attachments, wording.attachments()
        return attachments_of(names, contents, self.files)

    def _lines(
        self,
        notification: Notification,
        channels: Mapping[str, Channel],
        workspace: UUID,
        violations: list[Violation],
    ) -> list["_ChannelTarget"]:
        lines = [
            _ChannelTarget(platform=platform, channel=channels[platform])
            for platform in dict.fromkeys(notification.channels)
            if platform in channels
        ]
        senders = self.acceptor.context.channels.of(workspace, EMAIL)
        return [
            _as_email(line, notification, senders, violations) if line.platform == EMAIL else line
            for line in lines
        ]


@frozen(kw_only=True)
class _ChannelTarget:
    """One channel that the notification goes out on.

    Attributes:
        platform: What the notification calls it.
        copies: Who gets a copy of each email.
    """

    platform: str
    channel: Channel
    sender: Sender | None = None
    copies: tuple[ReceiverContact, ...] = ()


@define(kw_only=True)
class _NotificationRun:
    """A notification on its way, and what became of it so far."""

    acceptor: MessageAcceptor
    lines: Sequence[_ChannelTarget]
    wording: ContentSource
    attachments: Attachments
    key: str | None
    connection: Any
    failures: list[NotificationFailure] = field(factory=list)
    skipped: list[NotificationSkip] = field(factory=list)
    unresolved: list[Unresolved] = field(factory=list)
    messages: MessageIds = field(factory=MessageIds)

    def take(self, some: Iterable[User | Unresolved]) -> None:
        """Accept the messages to some users, in one transaction."""
        submissions: list[Submission] = []
        owners: list[tuple[str, str]] = []
        for one in some:
            if isinstance(one, Unresolved):
                self.unresolved.append(one)
                continue
            for line in self.lines:
                request = self._request(one, line)
                if request is not None:
                    submissions.append(self._submission(request, one.id, line))
                    owners.append((one.id, line.platform))
        answers = self.acceptor.accept(submissions, connection=self.connection)
        for owner, answer in zip(owners, answers, strict=True):
            self._note(*owner, answer)

    def report(self) -> NotificationReport:
        return NotificationReport(
            failures=tuple(self.failures),
            skipped=tuple(self.skipped),
            unresolved=tuple(self.unresolved),
            messages=self.messages,
        )

    def _request(self, user: User, line: _ChannelTarget) -> SendMessage | None:
        """Return the request for a user on a channel, or note why there is none."""
        address = user.address(line.channel.identifier_key)
        if not address:
            self._skip(user.id, line.platform, ReasonCode.RECEIVER_UNREACHABLE)
            return None
        words = self.wording.say(user, line.channel)
        if not isinstance(words, NotificationContent):
            self._fail(user.id, line.platform, error_of(words))
            return None
        body = self.attachments.attach(words.body) if line.platform == EMAIL else words.body
        if isinstance(body, Sequence):
            self._fail(user.id, line.platform, error_of(body))
            return None
        return SendMessage(
            receiver=_receiver(address, line),
            body=body,
            meta=words.meta,
            sender=line.sender,
            reference=user.id,
            short_links=words.short_links,
        )

    def _submission(self, request: SendMessage, user_id: str, line: _ChannelTarget) -> Submission:
        key = None if self.key is None else key_for(self.key, user_id, line.platform)
        return Submission(channel=line.channel, request=request, idempotency_key=key)

    def _note(self, user_id: str, platform: str, answer: AcceptResult) -> None:
        if isinstance(answer, InvalidRequestError):
            self._refuse(user_id, platform, answer)
        else:
            outcome = outcome_of(answer, user_id, platform)
            if isinstance(outcome, NotificationSkip):
                self.skipped.append(outcome)
                return
            self.messages.append(answer.id)
            if outcome is not None:
                self.failures.append(outcome)

    def _refuse(self, user_id: str, platform: str, error: InvalidRequestError) -> None:
        code = error.violations[0].code
        if code.startswith("idempotency."):
            # Something went to this user before, by the same key: never a second time.
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
    parts = (one.encode("utf-8", "surrogatepass") for one in (key, platform, user_id))
    digest = hashlib.sha256(b"".join(b"%d:%b" % (len(part), part) for part in parts))
    return f"notification:{digest.hexdigest()}"


def _receiver(address: str, line: _ChannelTarget) -> Receiver:
    key = line.channel.identifier_key
    to = ReceiverContact(identifier_key=key, identifier_value=address)
    if not line.copies:
        return Receiver(contacts=(to,))
    own = address_key(_EMAIL_KEY, address)
    copies = [
        copy for copy in line.copies if address_key(_EMAIL_KEY, copy.identifier_value or "") != own
    ]
    return Receiver(contacts=(to, *copies))


def _as_email(
    line: _ChannelTarget,
    notification: Notification,
    senders: Sequence[Channel],
    violations: list[Violation],
) -> _ChannelTarget:
    """Give an email what only emails have: copies, and a sender of its own."""
    line = evolve(line, copies=_copies(notification))
    if notification.email_sender is None:
        return line
    try:
        # The channel of the platform comes first, if it can send from there.
        channel, user = sender_channel(notification.email_sender, [line.channel, *senders])
    except LookupError:
        message = "an address of an email channel of the workspace, or one on its domain"
        violations.append(Violation("/emailSender", "notification.unknown_sender", message))
        return line
    sender = Sender(connector=SenderConnector(identifier_value=user)) if user else None
    return evolve(line, channel=channel, sender=sender)


def _copies(notification: Notification) -> tuple[ReceiverContact, ...]:
    """Return everybody who gets a copy; whoever stands on both lines is seen by all."""
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
    """Hold what was built in code to the types that JSON is held to; its data may hold more."""
    if not isinstance(notification, Notification):
        return parse_notification(notification)
    data = notification.data
    checked = parse_notification(
        dump(evolve(notification, data={} if isinstance(data, Mapping) else data))
    )
    return evolve(checked, data=data)
