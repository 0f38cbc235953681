"""Write accepted messages, with their contacts, keys and events, in one transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from messaging_core.acceptance.decision import decide, drafted
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
from messaging_core.models.delivery.event import Event
from messaging_core.models.messages.message import Message, Origin
from messaging_core.models.policy.plan import Reason
from messaging_core.policy.evaluator import PolicyEvaluator
from messaging_core.policy.policies import SendPolicies
from messaging_core.ports.clock import Ids
from messaging_core.ports.storage.transaction import Transaction


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
        people = self._people([request for _, request in chosen])
        judge = PolicyEvaluator(self._tx, self._policies)
        log: list[Event] = []
        new: list[NewMessage] = []
        for (message_id, request), its in zip(chosen, people, strict=True):
            row, reasons = self._new(message_id, request, its, judge)
            new.append(row)
            log.append(events.admitted(row.workspace, row.message, row.delivery, reasons))
        if new:
            self._tx.messages.add(new)
            self._tx.timeline.append(log)
        if keys := sum(row.idempotency is not None for row in new):
            # Delete two expired keys for each new one, so that the backlog shrinks.
            self._tx.messages.delete_expired_keys(until=self._keys_since, limit=2 * keys)
        return [row.message for row in new]

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

    def _new(
        self,
        message_id: UUID,
        prepared: PreparedRequest,
        people: Sequence[Person],
        evaluator: PolicyEvaluator,
    ) -> tuple[NewMessage, tuple[Reason, ...]]:
        """Return the rows of a request, and the reasons of the decision on it."""
        origin, channel, now = self._origin or prepared.origin, prepared.channel, self._now
        message, delivery = drafted(
            prepared, message_id=message_id, people=people, now=now, origin=origin
        )
        ruling = evaluator.at_acceptance(message, delivery, channel, now) if delivery else None
        decision = decide(prepared, message, delivery, ruling, self._linking)
        if ruling and decision.delivery:
            # The next message of this transaction counts this one, so that a cap is exact.
            evaluator.record_accepted(decision.message, decision.delivery, channel, now)
        if decision.links:
            self._tx.short_links.add(decision.links)
        row = NewMessage(
            workspace=channel.workspace,
            platform=channel.platform,
            message=decision.message,
            delivery=decision.delivery,
            idempotency=prepared.idempotency,
            batch_id=self._batch_id,
        )
        return row, decision.reasons


def _scope(prepared: PreparedRequest) -> tuple[UUID, str]:
    return (prepared.channel.workspace, prepared.idempotency.key if prepared.idempotency else "")


def _refusal(prepared: PreparedRequest) -> InvalidRequestError:
    return InvalidMessageError(prepared.violations)
