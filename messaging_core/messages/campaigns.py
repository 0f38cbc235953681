"""Figures of all messages with a tag: from roll-ups, or counted where there are none."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Final
from uuid import UUID

from attrs import evolve

from messaging_core.decisions.status.rollups import count_events, countable
from messaging_core.errors import InvalidQueryError
from messaging_core.lazy import frozen
from messaging_core.messages.rollups import counted_until
from messaging_core.models.common.page import MAX_LIMIT
from messaging_core.models.delivery.campaign import Campaign
from messaging_core.models.delivery.interaction import InteractionType
from messaging_core.models.delivery.rollups import (
    ONE_DAY,
    RollupBy,
    RollupOutcome,
    RollupQuery,
    UncountedEvents,
)
from messaging_core.models.messages.counts import MOST_COUNTED
from messaging_core.models.messages.message import Message, Status
from messaging_core.models.messages.query import MessageQuery
from messaging_core.ports.clock import Clock
from messaging_core.ports.storage.transaction import Storage, Transaction
from messaging_core.rules.requests.rollups import check_tag

_ALWAYS: Final = (datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))
_FAILED: Final = (
    RollupOutcome.SENDING_FAILED,
    RollupOutcome.DELIVERY_FAILED,
    RollupOutcome.REJECTED,
)

Figures = Counter[tuple[RollupOutcome, str]]
"""How many messages reached each outcome with each detail."""


@frozen(kw_only=True)
class CampaignLookup:
    """Answers what became of the messages with a tag."""

    storage: Storage
    clock: Clock

    def get(self, tag: str, workspace: UUID) -> Campaign:
        """Return the figures of a tag.

        Roll-ups know a tag from its first message on, unless that was accepted by an older
        version, or on a day with too many new tags. Then messages are counted.
        """
        query = MessageQuery(
            workspace=workspace,
            tag=(tag.lower(),),
            reverse=True,
            limit=MAX_LIMIT,
        )
        if violations := check_tag(tag):
            raise InvalidQueryError(violations)
        now = self.clock.now()
        with self.storage.begin(read_only=True) as tx:
            figures = _rolled_up(tx, query)
            held_until = _held_until(tx, query)
            as_of = counted_until(tx, now)
        if figures is not None:
            return _campaign(query, figures, held_until=held_until, as_of=as_of)
        figures, is_exact = self._count(query)
        campaign = _campaign(query, figures, held_until=held_until, as_of=now)
        return evolve(campaign, is_exact=is_exact, has_rollups=False)

    def _count(self, query: MessageQuery) -> tuple[Figures, bool]:
        """Count what the first messages have reached, by their events; a transaction a page."""
        figures, left, token = Figures(), MOST_COUNTED, None
        while left > 0:
            with self.storage.begin(read_only=True) as tx:
                page = tx.messages.find(evolve(query, page_token=token))
                messages = list(islice(page.results, left))
                figures += _figures_of(tx, query.workspace, messages)
            left -= len(messages)
            token = page.next_page_token
            if token is None:
                return figures, len(messages) == len(page.results)
        return figures, False


def _rolled_up(tx: Transaction, query: MessageQuery) -> Figures | None:
    """Return the figures in roll-ups, if they have all messages."""
    (name,) = query.tag
    tag = tx.rollups.tags(query.workspace, [name]).get(name)
    first = tx.messages.find(evolve(query, limit=1)).results
    if tag is None:
        return None if first else Figures()
    if first and first[0].created_at < tag.since:
        return None
    since, until = _ALWAYS
    rollups = tx.rollups.find(
        RollupQuery(
            workspace=query.workspace,
            tag=name,
            since=since,
            until=until,
            stored=ONE_DAY,
            step=None,
            by=frozenset({RollupBy.OUTCOME, RollupBy.DETAIL}),
        )
    )
    return Figures(
        {
            (rollup.outcome, rollup.detail or ""): rollup.number
            for rollup in rollups
            if rollup.outcome is not None
        }
    )


def _figures_of(tx: Transaction, workspace: UUID, messages: list[Message]) -> Figures:
    events = [
        countable(event)
        for message in messages
        for event in tx.timeline.of_message(workspace, message.id)
    ]
    channels = {message.id.bytes: message.channel_id for message in messages}
    figures = Figures()
    for item in count_events(UncountedEvents(reached=0, events=events, channels=channels)):
        figures[item.outcome, item.detail] += item.number
    return figures


def _held_until(tx: Transaction, query: MessageQuery) -> datetime | None:
    """Return the latest time for which one of the first scheduled messages waits."""
    scheduled = tx.messages.find(evolve(query, status=(Status.SCHEDULED,))).results
    deliveries = [tx.outbox.delivery(query.workspace, message.id) for message in scheduled]
    return max((delivery.due_at for delivery in deliveries if delivery), default=None)


def _campaign(
    query: MessageQuery, figures: Figures, *, held_until: datetime | None, as_of: datetime
) -> Campaign:
    totals = Counter[RollupOutcome]()
    for (outcome, _), number in figures.items():
        totals[outcome] += number
    accepted = totals[RollupOutcome.ADMITTED]
    people = _details(figures, RollupOutcome.INTERACTED)
    return Campaign(
        tag=query.tag[0],
        accepted=accepted,
        waiting=max(accepted - totals[RollupOutcome.SETTLED], 0),
        held_until=held_until,
        sent=totals[RollupOutcome.SENT],
        delivered=totals[RollupOutcome.DELIVERED],
        failed=_details(figures, *_FAILED),
        skipped=_details(figures, RollupOutcome.SKIPPED),
        cancelled=totals[RollupOutcome.DELETED],
        opened=people.get(InteractionType.OPENED, 0),
        clicked=people.get(InteractionType.CLICKED, 0),
        prefetched=max(_details(figures, RollupOutcome.PREFETCHED).values(), default=0),
        converted=people.get(InteractionType.CONVERSION, 0),
        as_of=as_of,
    )


def _details(figures: Figures, *outcomes: RollupOutcome) -> Mapping[str, int]:
    """Return the numbers of some outcomes by detail, the largest first."""
    numbers = Counter[str]()
    for (outcome, detail), number in figures.items():
        if outcome in outcomes:
            numbers[detail] += number
    return dict(numbers.most_common())
