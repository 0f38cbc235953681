"""From requests to stored messages: several at once, in one transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from messaging_core.acceptance.idempotency import DEFAULT_WINDOW, key_of
from messaging_core.acceptance.media import check_media
from messaging_core.acceptance.submission import (
    AcceptResult,
    PreparedRequest,
    Request,
    Submission,
)
from messaging_core.acceptance.telemetry import count_accepted, count_refused
from messaging_core.acceptance.writer import MessageWriter, _refusal
from messaging_core.contacts.receivers import with_known_contacts
from messaging_core.context import EngineContext
from messaging_core.decisions.acceptance.admission import admit
from messaging_core.decisions.acceptance.fallback import addressed, fallback_request
from messaging_core.decisions.content.carrying import beyond
from messaging_core.decisions.content.link_planning import Linking, counts_parts, wants_links
from messaging_core.errors import InvalidMessageError, InvalidRequestError
from messaging_core.lazy import frozen
from messaging_core.models.common.channel import Channel
from messaging_core.models.common.violation import Violation
from messaging_core.models.delivery.delivery import IdempotencyKey
from messaging_core.models.messages.request import SendMessage
from messaging_core.ports.media import MediaCheck
from messaging_core.ports.storage.repetition import repeated, resolved
from messaging_core.ports.storage.transaction import Transaction
from messaging_core.templates.resolver import TemplateResolver
from messaging_core.wire import dump_send_message, parse_send_message
from messaging_core.wire.salvage import parse_leniently


@frozen(kw_only=True)
class MessageAcceptor:
    """Read, decide on and keep requests.

    Attributes:
        context: The parts and settings of the messenger.
        template_resolver: Renders the templates that requests name.
        linking: Decides on the links of requests.
        idempotency_window: How long an idempotency key is taken, counted from acceptance.
        media_check: Tells whether a channel may send what a media URL names.
    """

    context: EngineContext
    template_resolver: TemplateResolver
    linking: Linking
    idempotency_window: timedelta = DEFAULT_WINDOW
    media_check: MediaCheck | None = None

    def accept(
        self, submissions: Sequence[Submission], *, connection: Any = None
    ) -> list[AcceptResult]:
        """Keep every request that may be sent, all in one transaction.

        One bad request does not stop the others; its answer is the error, which is returned. If
        the connection is lost during the commit and all requests have idempotency keys, they are
        accepted again: the keys tell what was written.
        """
        if any(submission.idempotency_key is None for submission in submissions):
            return self._accept(submissions, connection)
        return resolved(lambda: self._accept(submissions, connection))

    @repeated
    def _accept(self, submissions: Sequence[Submission], connection: Any) -> list[AcceptResult]:
        now = self.context.now()
        prepared = [self.prepare(submission, now) for submission in submissions]
        channels = [request.channel for request in prepared]
        if not any(request.admission or request.idempotency for request in prepared):
            answers: list[AcceptResult] = [_refusal(request) for request in prepared]
        else:
            with self.context.begin_due(connection) as tx:
                writing = self.writing(tx, now)
                answers = writing.keep(prepared)
            count_accepted(self.context, writing.added)
        count_refused(self.context, channels, answers)
        return answers

    def writing(
        self, tx: Transaction, now: datetime, *, batch_id: UUID | None = None
    ) -> "MessageWriter":
        """Return what keeps requests inside a transaction."""
        keys_since = now - self.idempotency_window
        return MessageWriter(
            tx,
            self.context.ids,
            now,
            linking=self.linking,
            keys_since=keys_since,
            policies=self.context.policies,
            batch_id=batch_id,
        )

    def prepare(self, submission: Submission, now: datetime) -> PreparedRequest:
        """Read one request and decide on it; nothing is written."""
        channel = submission.channel
        try:
            request = parse_send_message(_as_json(submission.request), limits=self.context.limits)
            # Before contacts are looked up: what is known of them may change between two tries.
            key = submission.idempotency_key
            idempotency = None if key is None else key_of(key, request, channel)
        except InvalidRequestError as error:
            return _refused(channel, error.violations)
        trace = submission.trace
        return self._prepared(request, channel, now, idempotency=idempotency, trace=trace)

    def _prepared(
        self,
        request: SendMessage,
        channel: Channel,
        now: datetime,
        *,
        idempotency: IdempotencyKey | None = None,
        trace: str | None = None,
    ) -> PreparedRequest:
        """Decide on a request, and on the one that takes over from it."""
        following = self.context.channels.fallback(channel)
        fallback = self._fallback(request, channel, following, now, trace) if following else None
        capabilities = self.context.channels.capabilities(channel.id)
        request, unreachable = with_known_contacts(
            self.context.storage, request, channel, most=capabilities.max_recipients
        )
        rendered, faults = self.template_resolver.resolve(request, channel)
        request = rendered or request
        has_links = wants_links(request)
        if has_links or counts_parts(request, channel):
            faults = [*faults, *self.linking.check(request, channel)]
        faults = [*faults, *beyond(request, channel, capabilities)]
        if self.media_check is not None:
            faults = [*faults, *check_media(request, channel, self.media_check)]
        admission = admit(
            request,
            channel,
            now,
            faults=faults,
            is_rendered=rendered is not None,
            mail_domains=self.context.channels.mail_domains.get(channel.workspace, ()),
        )
        violations = (*unreachable, *admission.violations)
        return PreparedRequest(
            channel=channel,
            request=request,
            admission=None if violations else admission,
            violations=violations,
            idempotency=idempotency,
            has_links=has_links,
            fallback=fallback,
            trace=trace,
        )

    def _fallback(
        self,
        request: SendMessage,
        channel: Channel,
        following: Channel,
        now: datetime,
        trace: str | None,
    ) -> PreparedRequest:
        """Prepare the request that takes over, or say why there can be none."""
        other, faults = fallback_request(request, channel, following)
        if not faults:
            other, _ = with_known_contacts(self.context.storage, other, following)
            other, faults = addressed(other, following)
        if faults:
            return _refused(following, faults)
        return self._prepared(other, following, now, trace=trace)

    def salvage(self, request: Request) -> SendMessage:
        """Return what can be read of a request that was refused for its form."""
        try:
            data = _as_json(request)
        except InvalidMessageError:
            data = {}
        return parse_leniently(data, limits=self.context.limits)


def _refused(channel: Channel, violations: Sequence[Violation]) -> PreparedRequest:
    return PreparedRequest(
        channel=channel, request=None, admission=None, violations=tuple(violations)
    )


def _as_json(request: Request) -> bytes | str | Mapping[str, Any]:
    """Hold what was built in code to the same shape as JSON."""
    return dump_send_message(request) if isinstance(request, SendMessage) else request
