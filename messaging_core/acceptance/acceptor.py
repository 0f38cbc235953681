"""From requests to stored messages: several at once, in one transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from attrs import field, frozen

from messaging_core.acceptance.idempotency import DEFAULT_WINDOW, conflict, gone, key_of
from messaging_core.contacts.receivers import People, Person, with_known_contacts
from messaging_core.decisions.acceptance.admission import Admission, admit
from messaging_core.decisions.acceptance.drafting import delivery_of, draft, identifiers_of
from messaging_core.decisions.acceptance.rejection import rejected
from messaging_core.decisions.content.link_planning import Linking, counts_parts, wants_links
from messaging_core.decisions.status import events
from messaging_core.errors import InvalidMessageError, InvalidRequestError
from messaging_core.models.common.channel import Channel
from messaging_core.models.common.violation import Violation
from messaging_core.models.delivery.delivery import Delivery, IdempotencyKey, NewMessage
from messaging_core.models.delivery.event import Event
from messaging_core.models.messages.message import Message, Origin
from messaging_core.models.messages.request import SendMessage
from messaging_core.models.policy.plan import Reason, Verdict
from messaging_core.policy.evaluator import PolicyEvaluator, SendPolicies, is_exempt
from messaging_core.ports.clock import Clock, Ids
from messaging_core.ports.storage.transaction import Storage, Transaction
from messaging_core.templates.resolver import TemplateResolver
from messaging_core.wire import WireLimits, dump_send_message, read_send_message
from messaging_core.wire.salvage import parse_leniently
from messaging_core.wire.stored.message import echo

Request = SendMessage | bytes | str | Mapping[str, Any]
"""A request as a caller may give it: built in code, or JSON in the shape of the Bird API."""

BATCH = "batch"
"""The type of the `origin` of a message that came in a batch."""

_NOT_ADMITTED = Admission(verdict=Verdict.REJECTED)


@frozen(kw_only=True)
class Submission:
    """One request on its way in."""

    channel: Channel
    request: Request
    idempotency_key: str | None = None


@frozen(kw_only=True)
class PreparedRequest:
    """A request that was read and decided on, before anything is written.

    Attributes:
        violations: Why it is refused; empty when it is admitted.
        echoed: What the message takes over from the request as it is, in JSON.
        origin: What made the request, where it was not the host.
        has_links: Whether something may be done to its links.
    """

    channel: Channel
    request: SendMessage | None
    admission: Admission | None
    violations: tuple[Violation, ...] = ()
    idempotency: IdempotencyKey | None = None
    echoed: str | None = None
    origin: Origin | None = None
    has_links: bool = False


AcceptResult = Message | InvalidRequestError
"""What becomes of one submission."""


@frozen(kw_only=True)
class MessageAcceptor:
    """Read, decide on and keep requests.

    Attributes:
        mail_domains: By workspace, those of its email channels.
    """

    storage: Storage
    clock: Clock
    ids: Ids
    filling: TemplateResolver
    linking: Linking
    limits: WireLimits = field(factory=WireLimits)
    idempotency_window: timedelta = DEFAULT_WINDOW
    policies: SendPolicies = field(factory=SendPolicies)
    mail_domains: Mapping[UUID, frozenset[str]] = field(factory=dict, repr=False)

    def accept(
        self, submissions: Sequence[Submission], *, connection: Any = None
    ) -> list[AcceptResult]:
        """Keep every request that may be sent, all in one transaction.

        One bad request does not stop the others; its answer is the error, which is returned.
        """
        now = self.now()
        prepared = [self.prepare(one, now) for one in submissions]
        if not any(one.admission or one.idempotency for one in prepared):
            return [_refusal(one) for one in prepared]
        with self.storage.begin(connection) as tx:
            return self.writing(tx, now).keep(prepared)

    def writing(
        self, tx: Transaction, now: datetime, *, batch_id: UUID | None = None
    ) -> "MessageWriter":
        """Return what keeps requests inside a transaction."""
        keys_since = now - self.idempotency_window
        return MessageWriter(
            tx,
            self.ids,
            now,
            linking=self.linking,
            keys_since=keys_since,
            policies=self.policies,
            batch_id=batch_id,
        )

    def now(self) -> datetime:
        """Return the present, in whole milliseconds as the wire shows it."""
        now = self.clock.now()
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def prepare(self, submission: Submission, now: datetime) -> PreparedRequest:
        """Read one request and decide on it; nothing is written."""
        channel = submission.channel
        try:
            request, source = self._read(submission.request)
            # Before contacts are looked up: what is known of them may change between two tries.
            key = submission.idempotency_key
            idempotency = None if key is None else key_of(key, request, channel)
        except InvalidRequestError as error:
            return PreparedRequest(
                channel=channel, request=None, admission=None, violations=error.violations
            )
        request, unreachable = with_known_contacts(self.storage, request, channel)
        rendered, faults = self.filling.fill(request, channel)
        request = rendered or request
        has_links = wants_links(request)
        if has_links or counts_parts(request, channel):
            faults = [*faults, *self.linking.check(request, channel)]
        is_rendered = rendered is not None
        admission = admit(
            request,
            channel,
            now,
            faults=faults,
            is_rendered=is_rendered,
            mail_domains=self.mail_domains.get(channel.workspace, ()),
        )
        violations = (*unreachable, *admission.violations)
        return PreparedRequest(
            channel=channel,
            request=request,
            admission=None if violations else admission,
            violations=violations,
            idempotency=idempotency,
            # What a template became is in the message, and not in its request.
            echoed=None if is_rendered else echo(source),
            has_links=has_links,
        )

    def _read(self, request: Request) -> tuple[SendMessage, Mapping[str, Any]]:
        return read_send_message(_as_json(request), limits=self.limits)

    def salvage(self, request: Request) -> SendMessage:
        """Return what can be read of a request that was refused for its form."""
        try:
            data = _as_json(request)
        except InvalidMessageError:
            data = {}
        return parse_leniently(data, limits=self.limits)


class MessageWriter:
    """Keep what was admitted, inside one transaction.

    Args:
        tx: The transaction.
        ids: Makes ids.
        now: When the requests are accepted.
        linking: Decides on their links.
        keys_since: Idempotency keys accepted then or before stand for nothing any more.
        policies: The send rules.
        batch_id: The batch that all of it belongs to.
    """

    def __init__(  # noqa: PLR0913 - by keyword beyond the third
        self,
        tx: Transaction,
        ids: Ids,
        now: datetime,
        *,
        linking: Linking,
        keys_since: datetime,
        policies: SendPolicies,
        batch_id: UUID | None = None,
    ) -> None:
        self._tx = tx
        self._ids = ids
        self._now = now
        self._linking = linking
        self._keys_since = keys_since
        self._policies = policies
        self._batch_id = batch_id
        self._origin = Origin(type=BATCH, id=str(batch_id)) if batch_id else None

    def keep(self, prepared: Sequence[PreparedRequest]) -> list[AcceptResult]:
        """Return an answer for each request, in order."""
        known = self._known(prepared) if any(one.idempotency for one in prepared) else {}
        chosen: dict[int, tuple[UUID, PreparedRequest]] = {}
        answers: dict[int, AcceptResult] = {}
        repeats: dict[int, tuple[UUID, UUID]] = {}
        for place, one in enumerate(prepared):
            earlier = known.get(_scope(one)) if one.idempotency else None
            if earlier and one.idempotency and earlier[1] != one.idempotency:
                answers[place] = conflict(*earlier, one.idempotency)
            elif earlier:
                repeats[place] = (one.channel.workspace, earlier[0])
            elif one.admission is None:
                answers[place] = _refusal(one)
            else:
                chosen[place] = (self._ids.new(self._now), one)
                if one.idempotency:
                    known[_scope(one)] = (chosen[place][0], one.idempotency)
        answers |= zip(chosen, self._add(list(chosen.values())), strict=True)
        answers |= {place: self._earlier(*where) for place, where in repeats.items()}
        return [answers[place] for place in range(len(prepared))]

    def keep_all(self, prepared: Sequence[PreparedRequest]) -> list[Message]:
        """Keep every request, those that break rules as rejected messages."""
        return self._add([(self._ids.new(self._now), one) for one in prepared])

    def _known(
        self, prepared: Sequence[PreparedRequest]
    ) -> dict[tuple[UUID, str], tuple[UUID, IdempotencyKey]]:
        """Return the keys that are in use already, with their messages."""
        wanted: dict[UUID, list[str]] = {}
        for one in prepared:
            if one.idempotency:
                wanted.setdefault(one.channel.workspace, []).append(one.idempotency.key)
        return {
            (workspace, key): found
            for workspace, keys in wanted.items()
            for key, found in self.by_keys(workspace, keys).items()
        }

    def by_keys(
        self, workspace: UUID, keys: Sequence[str]
    ) -> Mapping[str, tuple[UUID, IdempotencyKey]]:
        """Return the keys that are in use now, with their messages."""
        return self._tx.messages.by_keys(workspace, keys, since=self._keys_since)

    def _earlier(self, workspace: UUID, message_id: UUID) -> AcceptResult:
        return self._tx.messages.get(workspace, message_id) or gone(message_id)

    def _add(self, chosen: Sequence[tuple[UUID, PreparedRequest]]) -> list[Message]:
        people = self._people([one for _, one in chosen])
        judge = PolicyEvaluator(self._tx, self._policies)
        log: list[Event] = []
        new: list[NewMessage] = []
        for (message_id, one), its in zip(chosen, people, strict=True):
            kept, reasons = self._new(message_id, one, its, judge)
            new.append(kept)
            log.append(events.admitted(kept.workspace, kept.message, kept.delivery, reasons))
        if new:
            self._tx.messages.add(new)
            self._tx.timeline.append(log)
        if keys := sum(one.idempotency is not None for one in new):
            # More go than come, so that those that expired get ever fewer.
            self._tx.messages.forget_keys(until=self._keys_since, limit=2 * keys)
        return [one.message for one in new]

    def _linked(self, message: Message, delivery: Delivery, channel: Channel) -> Delivery:
        """Draw the short links of a message, and keep where they lead."""
        delivery, links = self._linking.draw(message, delivery, channel)
        self._tx.short_links.add(links)
        return delivery

    def _people(self, chosen: Sequence[PreparedRequest]) -> list[list[Person]]:
        """Return identifier and id of every contact, making contacts for new identifiers.

        Nobody becomes a contact for a request that breaks rules.
        """
        people = People(tx=self._tx, now=self._now, new_id=lambda: str(self._ids.new(self._now)))
        admitted = [one for one in chosen if one.admission]
        known = iter(people.of([(one.request, one.channel) for one in admitted if one.request]))
        return [
            next(known)
            if one.admission
            else [(identifier, None) for identifier in identifiers_of(one.request, one.channel)]
            if one.request
            else []
            for one in chosen
        ]

    def _new(
        self,
        message_id: UUID,
        one: PreparedRequest,
        people: Sequence[Person],
        judge: PolicyEvaluator,
    ) -> tuple[NewMessage, tuple[Reason, ...]]:
        """Return what is to be kept of a request, and why it goes when it does."""
        origin = self._origin or one.origin
        message, delivery = drafted(
            one, message_id=message_id, people=people, now=self._now, origin=origin
        )
        reasons = one.admission.reasons if one.admission else ()
        is_held_back = False
        if delivery and not is_exempt(message):
            message, delivery, why = judge.decide(message, delivery, one.channel, self._now)
            reasons, is_held_back = (*reasons, *why), message.reason is not None
        if one.has_links and delivery:
            delivery = self._linked(message, delivery, one.channel)
        kept = NewMessage(
            workspace=one.channel.workspace,
            platform=one.channel.platform,
            message=message,
            delivery=delivery,
            idempotency=one.idempotency,
            batch_id=self._batch_id,
            # Not all of a message in a batch, or of one held back, is taken over from its request.
            echoed=None if origin or is_held_back else one.echoed,
        )
        return kept, reasons


def drafted(
    one: PreparedRequest,
    *,
    message_id: UUID,
    people: Sequence[Person],
    now: datetime,
    origin: Origin | None = None,
) -> tuple[Message, Delivery | None]:
    """Make the message of a prepared request, and its delivery; one that breaks rules has none."""
    if one.request is None:
        raise InvalidMessageError(one.violations)
    message = draft(
        one.request,
        one.channel,
        one.admission or _NOT_ADMITTED,
        message_id=message_id,
        people=people,
        now=now,
        origin=origin,
    )
    if one.admission is None:
        return rejected(message, one.violations), None
    return message, delivery_of(one.request, one.channel, one.admission)


def _as_json(request: Request) -> bytes | str | Mapping[str, Any]:
    """Hold what was built in code to the same shape as JSON."""
    return dump_send_message(request) if isinstance(request, SendMessage) else request


def _scope(one: PreparedRequest) -> tuple[UUID, str]:
    return (one.channel.workspace, one.idempotency.key if one.idempotency else "")


def _refusal(one: PreparedRequest) -> InvalidRequestError:
    return InvalidMessageError(one.violations)
