"""Write accepted messages, with their contacts, keys and events, in one transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from attrs import evolve

from messaging_core.acceptance.decision import Decision, decided
from messaging_core.acceptance.escalation import (
    chain,
    waiting_fallback,
    with_fallback,
    without_fallback,
)
from messaging_core.acceptance.idempotency import conflict, gone
from messaging_core.acceptance.submission import (
    BATCH,
    AcceptResult,
    PreparedRequest,
)
from messaging_core.contacts.receivers import People, Person
from messaging_core.decisions.acceptance.drafting import identifiers_of
from messaging_core.decisions.content.link_planning import Linking
from messaging_core.decisions.status import events
from messaging_core.errors import InvalidMessageError, InvalidRequestError
from messaging_core.models.delivery.delivery import IdempotencyKey, NewMessage
from messaging_core.models.delivery.event import WEBHOOKS, Event
from messaging_core.models.delivery.webhook import MessageWebhook
from messaging_core.models.messages.message import Message, Origin
from messaging_core.models.policy.plan import Reason
from messaging_core.policy.evaluator import PolicyEvaluator
from messaging_core.policy.policies import SendPolicies
from messaging_core.ports.clock import Ids
from messaging_core.ports.storage.transaction import Transaction
from messaging_core.rules.requests.webhook import webhook_url


class MessageWriter:
    """Keep what was admitted, inside one transaction.

    Args:
        tx: The transaction.
        ids: Makes ids.
        now: When the requests are accepted.
        linking: Decides on their links.
        keys_since: Idempotency keys accepted then or before are free again.
        policies: The send rules.
        batch_id: The batch that all of it belongs to.

    Attributes:
        added: What was stored so far.
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
        self.added: list[NewMessage] = []
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
        has_keys = any(request.idempotency for request in prepared)
        used_keys = self._known(prepared) if has_keys else {}
        chosen: dict[int, tuple[UUID, PreparedRequest]] = {}
        answers: dict[int, AcceptResult] = {}
        repeats: dict[int, tuple[UUID, UUID]] = {}
        for place, request in enumerate(prepared):
            earlier = used_keys.get(_scope(request)) if request.idempotency else None
            if earlier and request.idempotency and earlier[1] != request.idempotency:
                answers[place] = conflict(*earlier, request.idempotency)
            elif earlier:
                repeats[place] = (request.channel.workspace, earlier[0])
            elif request.admission is None:
                answers[place] = _refusal(request)
            else:
                chosen[place] = (self._ids.new(self._now), request)
                if request.idempotency:
                    used_keys[_scope(request)] = (chosen[place][0], request.idempotency)
        answers |= zip(chosen, self._add(list(chosen.values())), strict=True)
        answers |= {place: self._earlier(*where) for place, where in repeats.items()}
        return [answers[place] for place in range(len(prepared))]

    def keep_all(self, prepared: Sequence[PreparedRequest]) -> list[Message]:
        """Keep every request, those that break rules as rejected messages."""
        return self._add([(self._ids.new(self._now), request) for request in prepared])

    def _known(
        self, prepared: Sequence[PreparedRequest]
    ) -> dict[tuple[UUID, str], tuple[UUID, IdempotencyKey]]:
        """Return the keys that are in use already, with their messages."""
        keys_by_workspace: dict[UUID, list[str]] = {}
        for request in prepared:
            if request.idempotency:
                keys_by_workspace.setdefault(request.channel.workspace, []).append(
                    request.idempotency.key
                )
        return {
            (workspace, key): entry
            for workspace, keys in keys_by_workspace.items()
            for key, entry in self.by_keys(workspace, keys).items()
        }

    def by_keys(
        self, workspace: UUID, keys: Sequence[str]
    ) -> Mapping[str, tuple[UUID, IdempotencyKey]]:
        """Return the keys that are in use now, with their messages."""
        return self._tx.messages.by_keys(workspace, keys, since=self._keys_since)

    def _earlier(self, workspace: UUID, message_id: UUID) -> AcceptResult:
        return self._tx.messages.get(workspace, message_id) or gone(message_id)

    def _add(self, chosen: Sequence[tuple[UUID, PreparedRequest]]) -> list[Message]:
        candidates = [own for _, request in chosen for own in chain(request)]
        all_people = self._people(candidates)
        judge = PolicyEvaluator(self._tx, self._policies)
        if judge.has_suppressions:
            judge.look_up(
                (candidate.channel, identifier.identifier_value)
                for candidate, its in zip(candidates, all_people, strict=True)
                for identifier, _ in its
                if candidate.admission
            )
        people = iter(all_people)
        messages: list[Message] = []
        log: list[Event] = []
        new: list[NewMessage] = []
        webhooks: list[MessageWebhook] = []
        for message_id, request in chosen:
            its = [next(people) for _ in chain(request)]
            rows = self._rows(message_id, request, its, judge)
            for row, reasons in rows:
                new.append(row)
                log.append(events.admitted(row.workspace, row.message, row.delivery, reasons))
            messages.append(rows[0][0].message)
            if url := webhook_url(request.request):
                webhooks += (_webhook(row, url) for row, _ in rows)
        if webhooks:
            # Before the events, so that none of them is missed.
            self._tx.timeline.subscribe(WEBHOOKS, from_start=False)
            self._tx.webhooks.add_urls(webhooks)
        if new:
            self._tx.messages.add(new)
            self._tx.timeline.append(log)
            self.added += new
        if keys := sum(row.idempotency is not None for row in new):
            # Delete two expired keys for each new one, so that the backlog shrinks.
            self._tx.messages.delete_expired_keys(until=self._keys_since, limit=2 * keys)
        return messages

    def _people(self, chosen: Sequence[PreparedRequest]) -> list[list[Person]]:
        """Return identifier and id of every contact, making contacts for new identifiers.

        A request that breaks rules creates no contacts.
        """
        people = People(tx=self._tx, now=self._now, new_id=lambda: str(self._ids.new(self._now)))
        admitted = [
            (candidate.request, candidate.channel)
            for candidate in chosen
            if candidate.admission and candidate.request
        ]
        known_people = iter(people.of(admitted))
        return [
            next(known_people)
            if candidate.admission
            else [
                (identifier, None)
                for identifier in identifiers_of(candidate.request, candidate.channel)
            ]
            if candidate.request
            else []
            for candidate in chosen
        ]

    def _rows(
        self,
        message_id: UUID,
        prepared: PreparedRequest,
        people: Sequence[Sequence[Person]],
        evaluator: PolicyEvaluator,
    ) -> list[tuple[NewMessage, tuple[Reason, ...]]]:
        """Return the rows of a request and of its fallbacks, and the reasons of each decision.

        Args:
            message_id: The id of the message that the request becomes.
            prepared: The request.
            people: The receivers of the request, and of each fallback.
            evaluator: Applies the send rules.
        """
        decision = self._decided(message_id, prepared, people[0], evaluator)
        if prepared.fallback is None:  # as nearly every message
            return [(self._row(prepared, decision), decision.reasons)]
        fallback = waiting_fallback(prepared, decision, message_id)
        following: list[tuple[NewMessage, tuple[Reason, ...]]] = []
        if fallback is not None and fallback.admission is not None:
            following = self._rows(self._ids.new(self._now), fallback, people[1:], evaluator)
            row, reasons = following[0]
            other = Decision(message=row.message, delivery=row.delivery, reasons=reasons)
            decision = with_fallback(decision, other, fallback.channel.name)
        elif fallback is not None:
            decision = without_fallback(decision, fallback)
        return [(self._row(prepared, decision), decision.reasons), *following]

    def _decided(
        self,
        message_id: UUID,
        prepared: PreparedRequest,
        people: Sequence[Person],
        evaluator: PolicyEvaluator,
    ) -> Decision:
        """Decide on a request, and count its message for frequency caps."""
        decision = decided(
            prepared,
            message_id=message_id,
            people=people,
            evaluator=evaluator,
            linking=self._linking,
            now=self._now,
            origin=prepared.origin or self._origin,
        )
        if decision.delivery and prepared.trace:
            controls = evolve(decision.delivery.controls, trace=prepared.trace)
            decision = evolve(decision, delivery=evolve(decision.delivery, controls=controls))
        if decision.delivery:
            # The next message of this transaction counts this one, so that a cap is exact.
            evaluator.record_accepted(
                decision.message, decision.delivery, prepared.channel, self._now
            )
        if decision.links:
            self._tx.short_links.add(decision.links)
        return decision

    def _row(self, prepared: PreparedRequest, decision: Decision) -> NewMessage:
        is_fallback = prepared.origin is not None
        return NewMessage(
            workspace=prepared.channel.workspace,
            platform=prepared.channel.platform,
            message=decision.message,
            delivery=decision.delivery,
            idempotency=prepared.idempotency,
            batch_id=None if is_fallback else self._batch_id,
        )


def _scope(prepared: PreparedRequest) -> tuple[UUID, str]:
    return (prepared.channel.workspace, prepared.idempotency.key if prepared.idempotency else "")


def _webhook(row: NewMessage, url: str) -> MessageWebhook:
    return MessageWebhook(workspace_id=row.workspace, message_id=row.message.id, url=url)


def _refusal(prepared: PreparedRequest) -> InvalidRequestError:
    return InvalidMessageError(prepared.violations)
