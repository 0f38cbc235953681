"""Add events to roll-ups, a page at a time, and look roll-ups up."""

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Final
from uuid import UUID

from attrs import evolve

from messaging_core.decisions.status.rollups import (
    MAX_NEW_TAGS,
    Counted,
    History,
    amounts_of,
    count_events,
    interval_start,
    overdue_amounts,
    used_tags,
)
from messaging_core.errors import InvalidQueryError
from messaging_core.lazy import frozen
from messaging_core.models.common.instants import in_utc
from messaging_core.models.common.page import Page
from messaging_core.models.delivery.event import Cursor
from messaging_core.models.delivery.rollups import (
    MAX_ROLLUPS,
    STORED_STEPS,
    RollupBy,
    RollupQuery,
    Rollups,
    Tag,
)
from messaging_core.ports.clock import Clock
from messaging_core.ports.storage.repetition import repeated
from messaging_core.ports.storage.transaction import Storage, Transaction
from messaging_core.rules.requests.query import check_page
from messaging_core.rules.requests.rollups import check_rollups

CURSOR: Final = "messaging.rollups"
"""The name under which the log keeps how far events are counted."""

_PAGE: Final = 2000  # events; what is written for them is a tenth of that, or less
_MOST_KNOWN: Final = 5000  # messages, with half a kilobyte each
_MAX_PAGES: Final = 5  # in one turn, so that other work of housekeeping does not wait for long
_LEASE: Final = timedelta(minutes=5)  # never seen outside: it ends with its transaction
_SAMPLE_EVERY: Final = timedelta(seconds=30)
_INSTANT: Final = timedelta(microseconds=1)


class RollupCounter:
    """Add new events to roll-ups, each once, however many processes do it.

    Events are read and added up in a transaction that only reads, so that it holds up no writer.
    A second one writes the sums and moves the cursor, unless another process has moved it
    meanwhile.

    Args:
        storage: Has the events, and keeps the roll-ups.
        clock: Tells when what is overdue was looked at.
        page: How many events one pair of transactions counts.
    """

    def __init__(self, storage: Storage, clock: Clock, *, page: int = _PAGE) -> None:
        self._storage = storage
        self._clock = clock
        self._page = page
        self._known: dict[bytes, History] = {}
        self._known_until = 0
        self._sampled_at: datetime | None = None

    def run_once(self) -> int:
        """Sample what is overdue, count new events, and return how many; not too many at once."""
        self._sample()
        total = 0
        for _ in range(_MAX_PAGES):
            events = self._count_page()
            if not events:
                break
            total += events
        return total

    def run(self) -> None:
        """Count every event that is stored by now."""
        # A reader may leave out events that another is reading; this has them all in the log.
        with self._storage.begin(read_only=True) as tx:
            tx.timeline.last_position()
        while self._count_page():
            pass

    @repeated
    def _count_page(self) -> int:
        """Count one page; return how many events it had, at least one unless there is none."""
        with self._storage.begin(read_only=True) as tx:
            position = _position(tx)
            known = self._take_known(position)
            page = tx.rollups.uncounted(position, limit=self._page, known=known)
        if page.reached == position:
            self._keep_known(known, position)
            return 0
        counted = count_events(page, known)
        with self._storage.begin() as tx:
            cursor = self._lease(tx)
            if cursor is None:
                return 0
            if cursor.position == position:
                _write(tx, counted)
                cursor = evolve(cursor, position=page.reached)
            tx.timeline.advance_cursor(cursor)
        if cursor.position == page.reached:
            self._keep_known(known, page.reached)
        return len(page.events) or 1

    def _take_known(self, position: int) -> dict[bytes, History]:
        """Return the histories of recent messages, unless another process has counted since.

        Most events follow the admission of their message within seconds. They are taken away, so
        that none is left if the page is not written.
        """
        known, self._known = self._known, {}
        return known if position == self._known_until else {}

    def _keep_known(self, known: dict[bytes, History], position: int) -> None:
        for message_id in list(islice(known, max(len(known) - _MOST_KNOWN, 0))):
            del known[message_id]
        self._known, self._known_until = known, position

    def _lease(self, tx: Transaction) -> Cursor | None:
        tx.timeline.subscribe(CURSOR, from_start=True)
        return tx.timeline.lease_cursor(CURSOR, now=self._clock.now(), lease=_LEASE, longest=_LEASE)

    def _sample(self) -> None:
        """Keep how long what is overdue has been waiting; every half a minute is enough."""
        now = self._clock.now()
        if self._sampled_at is not None and abs(now - self._sampled_at) < _SAMPLE_EVERY:
            return
        with self._storage.begin(read_only=True) as tx:
            amounts = overdue_amounts(tx.outbox.first_due(), now)
        if amounts:
            with self._storage.begin() as tx:
                tx.rollups.add(amounts)
        self._sampled_at = now


@frozen(kw_only=True)
class RollupLookup:
    """Answers queries for roll-ups, each in one transaction that only reads."""

    storage: Storage
    clock: Clock

    def find(  # noqa: PLR0913 - one for each choice of the caller
        self,
        *,
        workspace: UUID,
        since: datetime,
        until: datetime | None,
        channel_id: tuple[UUID, ...],
        tag: str | None,
        step: timedelta,
        by: Collection[RollupBy],
    ) -> Rollups:
        """Return the roll-ups of whole intervals that cover a time."""
        now = self.clock.now()
        end = now + _INSTANT if until is None else until  # the present belongs to it
        if violations := check_rollups(since, end, step, tag):
            raise InvalidQueryError(violations)
        query = RollupQuery(
            workspace=workspace,
            since=interval_start(in_utc(since), step),
            until=interval_start(in_utc(end) + step - _INSTANT, step),
            stored=max(stored for stored in STORED_STEPS if not step % stored),
            step=step,
            tag=(tag or "").lower(),
            channel_id=channel_id,
            by=frozenset(by),
            limit=MAX_ROLLUPS + 1,
        )
        with self.storage.begin(read_only=True) as tx:
            rollups, as_of = tx.rollups.find(query), counted_until(tx, now)
        return Rollups(
            rollups=tuple(rollups[:MAX_ROLLUPS]),
            since=query.since,
            until=query.until,
            step=step,
            as_of=as_of,
            is_complete=len(rollups) <= MAX_ROLLUPS,
        )

    def tags(self, workspace: UUID, *, limit: int, page_token: str | None) -> Page[Tag]:
        """Return one page of the tags of which roll-ups are kept, in the order of their names."""
        if violations := check_page(limit, page_token, of="tags"):
            raise InvalidQueryError(violations)
        with self.storage.begin(read_only=True) as tx:
            tags = tx.rollups.list_tags(workspace, after=page_token or "", limit=limit + 1)
        token = tags[limit - 1].tag if len(tags) > limit else None
        return Page(results=tags[:limit], next_page_token=token)

    def tag(self, name: str, workspace: UUID) -> Tag | None:
        """Return a tag, if roll-ups of it are kept."""
        name = name.lower()
        with self.storage.begin(read_only=True) as tx:
            return tx.rollups.tags(workspace, [name]).get(name)


def counted_until(tx: Transaction, now: datetime) -> datetime:
    """Return the time of the first event that is not counted, or the present."""
    waiting = tx.rollups.uncounted(_position(tx), limit=1).events
    return min(waiting[0].at, now) if waiting else now


def _position(tx: Transaction) -> int:
    cursor = tx.timeline.cursor(CURSOR)
    return cursor.position if cursor else 0


def _write(tx: Transaction, counted: Sequence[Counted]) -> None:
    saved = {
        workspace: _save_tags(tx, workspace, tags) for workspace, tags in used_tags(counted).items()
    }
    tx.rollups.add(amounts_of(counted, saved))


def _save_tags(tx: Transaction, workspace: UUID, tags: Sequence[Tag]) -> Collection[str]:
    """Save those tags that get roll-ups, and return their names."""
    known = tx.rollups.tags(workspace, [tag.tag for tag in tags])
    saved = [tag for tag in tags if tag.tag in known]
    room: dict[date, int] = {}
    for tag in tags:
        if tag.tag in known:
            continue
        if tag.day not in room:
            room[tag.day] = MAX_NEW_TAGS - tx.rollups.count_tags(workspace, tag.day)
        if room[tag.day] > 0:
            room[tag.day] -= 1
            saved.append(tag)
    tx.rollups.save_tags(workspace, saved)
    return {tag.tag for tag in saved}
