"""What waits to be delivered, in PostgreSQL: rows are leased under a lock that others pass over."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

import orjson
from attrs import evolve

from messaging_adapters.storage.postgres.arrays import Bigints, Blobs, Column, Texts, columns_of
from messaging_adapters.storage.postgres.cursor import PostgresCursor
from messaging_adapters.storage.postgres.dialect import PostgresDialect, name_of
from messaging_adapters.storage.postgres.queries.claim import (
    CLAIM,
    CLAIM_FRESH,
    CLAIM_SHARES,
    QUEUES,
)
from messaging_adapters.storage.postgres.stores.receipts import EVIDENCE, evidence_values
from messaging_adapters.storage.sql.queries.due_messages import DueMessages
from messaging_adapters.storage.sql.rows.columns import from_micros, storable, to_micros
from messaging_adapters.storage.sql.rows.deliveries import claim_of, retry_row, settled_row
from messaging_adapters.storage.sql.stores.outbox import SqlOutbox
from messaging_adapters.storage.sql.stores.receipts import UNMATCHED, unmatched_values
from messaging_adapters.storage.sql.stores.suppressions import HAS_ANY
from messaging_core.decisions.delivery.fairness import divide, place_suspect
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.delivery.delivery import (
    Claim,
    Lane,
    Lease,
    Settlement,
    Withdrawal,
)
from messaging_core.models.people.suppression import SuppressionScope
from messaging_core.ports.storage.early_outbox import EarlyOutbox
from messaging_core.wire.codec.scalars import write_datetime
from messaging_core.wire.stored.damage import read_stored
from messaging_core.wire.stored.suppression_key import place_of

_NEXT_DUE: Final = (
    f"{QUEUES} SELECT min(("  # noqa: S608 - no input
    "SELECT min(o.due_at) FROM messaging_outbox o WHERE o.lane = q.lane"
    " AND o.workspace = q.workspace AND o.channel_id = q.channel_id)) FROM queue q"
)
_LANES: Final = [int(lane) for lane in Lane]
_SUSPECTS: Final = "SELECT DISTINCT channel_id FROM messaging_outbox WHERE crashes > 0"
_SUSPECT: Final = (
    "SELECT due_at, position, handed_over, leased_until, workspace, crashes, channel_id"
    " FROM messaging_outbox WHERE crashes > 0 AND due_at <= $1"
    " AND channel_id = ANY($2::bytea[])"
    " ORDER BY due_at, position LIMIT 1 FOR UPDATE SKIP LOCKED"
)
# Two workspaces that share a position change nothing of each other.
_MARK: Final = (
    "UPDATE messaging_outbox o SET handed_over = 1 FROM held"
    " WHERE o.workspace = ANY(ARRAY(SELECT DISTINCT workspace FROM held))"
    " AND o.position = ANY(ARRAY(SELECT position FROM held))"
    " AND o.workspace = held.workspace AND o.position = held.position"
)
_LEASED: Final = (
    "messaging_outbox"
    " JOIN unnest($1::bytea[], $2::bigint[], $3::bigint[]) AS l(workspace, position, fence)"
    " USING (workspace, position, fence)"
)
_LOCKED: Final = "ORDER BY position FOR UPDATE OF messaging_outbox"
_MAY_GO: Final = (
    f"SELECT workspace, position FROM {_LEASED}"  # noqa: S608 - no input
    " WHERE handed_over = 0 AND leased_until > $4 AND expires_at > $4"
)
_HAND_OVER: Final = (
    f"WITH held AS MATERIALIZED ({_MAY_GO} {_LOCKED})"
    f" {_MARK} RETURNING o.position, o.fence, o.workspace"
)
# A suppression that another transaction writes is waited for, as it locks the address too. The
# first of a workspace is not: until it is committed, the mark comes before it.
_ADD_ADDRESSES: Final = (
    "INSERT INTO messaging_addresses (workspace, address)"
    " SELECT w.* FROM unnest($1::bytea[], $2::text[]) AS w(workspace, address)"
    " WHERE EXISTS (SELECT 1 FROM messaging_suppressions s WHERE s.workspace = w.workspace)"
    " ORDER BY workspace, address ON CONFLICT DO NOTHING"
)
_LOCK_ADDRESSES: Final = (
    "SELECT 1 FROM messaging_addresses JOIN unnest($1::bytea[], $2::text[])"
    " AS w(workspace, address) USING (workspace, address) ORDER BY workspace, address"
    " FOR UPDATE OF messaging_addresses"
)
# A statement does not see what was committed while it waits for a row. Messages are waited for
# before, so that the mark sees the first suppression of a workspace too, for which no address is
# locked.
_LOCK_MESSAGES: Final = f"SELECT 1 FROM {_LEASED} {_LOCKED}"  # noqa: S608 - no input
_HAND_OVER_LAST: Final = (
    f"WITH held AS MATERIALIZED ({_MAY_GO} AND NOT EXISTS ("  # noqa: S608 - no input
    "SELECT 1 FROM unnest($5::bytea[], $6::text[], $7::text[]) AS a(workspace, key, address)"
    " JOIN messaging_suppressions USING (workspace, key, address))"
    f" {_LOCKED}),"
    f" marked AS ({_MARK} RETURNING o.position, o.fence, o.workspace),"
    " referred AS (INSERT INTO messaging_references"
    " SELECT workspace, r.reference, position"
    " FROM unnest($8::bytea[], $9::bigint[], $10::text[]) AS r(workspace, position, reference)"
    " JOIN marked m USING (workspace, position) ORDER BY workspace, r.reference, position"
    " ON CONFLICT DO NOTHING)"
    " SELECT position, fence, workspace FROM marked"
)
# What holds its lease is settled. The rows of the outbox are locked first, in their order, and all
# rows are found by their index, however many the planner expects.
_SETTLE: Final = (
    "WITH asked AS (SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::text[], $4::bigint[],"
    " $5::text[], $6::text[], $7::text[], $8::bigint[], $9::bigint[], $10::bigint[],"
    " $11::bigint[], $12::text[]) AS a(workspace, position, status, code, source_code,"
    " source_name, state, fence, due_at, uncounted, crashed, progress)),"
    " held AS MATERIALIZED (SELECT workspace, position, fence FROM messaging_outbox"
    " WHERE workspace = ANY($1::bytea[]) AND position = ANY($2::bigint[])"
    " AND leased_until IS NOT NULL ORDER BY position FOR UPDATE),"
    " valid AS MATERIALIZED (SELECT a.* FROM held JOIN asked a USING (workspace, position, fence)),"
    " settled AS (UPDATE messaging_messages m SET status = v.status, failure_code = v.code,"
    " failure_source_code = v.source_code, failure_source_name = v.source_name, state = v.state"
    " FROM valid v WHERE m.position = ANY(ARRAY(SELECT position FROM valid))"
    " AND m.workspace = v.workspace AND m.position = v.position RETURNING m.workspace, m.position),"
    " referred AS (INSERT INTO messaging_references"
    " SELECT workspace, r.reference, position"
    " FROM unnest($13::bytea[], $14::bigint[], $15::text[]) AS r(workspace, position, reference)"
    " JOIN settled s USING (workspace, position) ORDER BY workspace, r.reference, position"
    " ON CONFLICT DO NOTHING),"
    " retried AS (UPDATE messaging_outbox o SET due_at = v.due_at, leased_until = NULL,"
    " handed_over = 0, attempts = attempts - v.uncounted, crashes = crashes + v.crashed,"
    " progress = v.progress FROM valid v"
    " WHERE o.position = ANY(ARRAY(SELECT position FROM valid WHERE due_at IS NOT NULL))"
    " AND o.workspace = v.workspace AND o.position = v.position AND v.due_at IS NOT NULL),"
    " ended AS (DELETE FROM messaging_outbox o USING valid v"
    " WHERE o.workspace = ANY(ARRAY(SELECT DISTINCT workspace FROM valid WHERE due_at IS NULL))"
    " AND o.position = ANY(ARRAY(SELECT position FROM valid WHERE due_at IS NULL))"
    " AND o.workspace = v.workspace AND o.position = v.position AND v.due_at IS NULL)"
    " SELECT position, fence, workspace FROM valid"
)
_SETTLED_TYPES: Final = (
    *("bytea", "bigint", "text", "bigint", "text", "text", "text"),
    *("bigint", "bigint", "bigint", "bigint", "text"),
)
_SET_STATE: Final = (
    "UPDATE messaging_messages SET state = $3 WHERE workspace = $1 AND position = $2"
)
_POSITION: Final = 1
_WORKSPACE: Final = 4
_LANE: Final = 9
_IN_DOUBT: Final = "in_doubt"


class LockedDueMessages(DueMessages):
    """Find what a claim may lease, and lock it; what another claim has locked is passed over."""

    def __init__(self, cursor: PostgresCursor) -> None:
        super().__init__(cursor)
        self._native = cursor.native

    def suspect(self, now: int, places: Mapping[bytes, int]) -> tuple[Any, ...] | None:
        channels = [
            channel
            for (channel,) in self._native(_SUSPECTS).fetchall()
            if places.get(channel, 1) > 0
        ]
        row = self._native(_SUSPECT, (now, channels)).fetchone() if channels else None
        return tuple(row) if row else None

    def next_due(self) -> datetime | None:
        (due_at,) = self._native(_NEXT_DUE, (_LANES,)).fetchone()
        return None if due_at is None else from_micros(due_at)


class PostgresOutbox(SqlOutbox, EarlyOutbox):
    """Give out deliveries through one cursor, inside one transaction."""

    def __init__(self, dialect: PostgresDialect) -> None:
        super().__init__(dialect)
        self._native = dialect.native
        self._ask, self._ask_native = dialect.cursor.ask, dialect.cursor.ask_native
        self._last = dialect.cursor.last
        self._locks = dialect.locks
        self._due_messages = LockedDueMessages(dialect.cursor)

    def hand_over(self, leases: Sequence[Lease], *, now: datetime) -> list[Withdrawal | None]:
        if not leases:
            return []
        at = to_micros(now)
        rows = self._native(_HAND_OVER, (*_of_leases(leases), at)).fetchall()
        return [
            None if is_marked else self._why_not(lease, at)
            for lease, is_marked in zip(leases, _are_marked(leases, rows), strict=True)
        ]

    def hand_over_last(
        self,
        leases: Sequence[Lease],
        *,
        now: datetime,
        unless: Collection[tuple[UUID, Identifier]],
        references: Sequence[tuple[Lease, str]] = (),
    ) -> list[bool]:
        if names := sorted(_locks_of(unless)):
            locked = columns_of(names, "bytea", "text")
            self._native(_ADD_ADDRESSES, locked)
            self._native(_LOCK_ADDRESSES, locked)
        held = _of_leases(leases)
        if unless:
            self._native(_LOCK_MESSAGES, held)
        values = (
            *held,
            to_micros(now),
            *_places_of(unless),
            *_referring(references),
        )
        return _are_marked(leases, self._last(_HAND_OVER_LAST, values))

    def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        if not settlements:
            return []
        # Of two under one lease the first counts.
        places = {_held(settlement): place for place, settlement in _reversed(settlements)}
        firsts = [settlements[place] for place in sorted(places.values())]
        settled = self._native(_SETTLE, (*_columns(firsts), *_references(firsts)))
        self._ask_what_came_early(firsts)
        held = {tuple(row) for row in settled.fetchall()}
        valid = [
            lease in held and places[lease] == place
            for place, lease in enumerate(map(_held, settlements))
        ]
        self._locks.holds(
            settlement.lease.message_id.bytes
            for settlement, is_valid in zip(settlements, valid, strict=True)
            if is_valid
        )
        return valid

    def _ask_what_came_early(self, settlements: Sequence[Settlement]) -> None:
        """Ask for receipts and evidence that arrived before, which are read next."""
        workspaces = {settlement.lease.workspace for settlement in settlements}
        if len(workspaces) > 1:
            return
        (workspace,) = workspaces
        references = [item for settlement in settlements for item in settlement.references]
        if references:
            self._ask(UNMATCHED, unmatched_values(workspace, references))
        ended = [item.lease.message_id for item in settlements if item.next_due_at is None]
        if ended:
            self._ask_native(EVIDENCE, evidence_values(workspace, ended))

    def claim(
        self,
        *,
        now: datetime,
        lease: timedelta,
        limit: int,
        suspects: bool = True,
        places: Mapping[UUID, int] | None = None,
    ) -> list[Claim]:
        if limit <= 0:
            return []
        free = {channel.bytes: count for channel, count in places.items()} if places else {}
        values = _claim_values(now, lease, limit, free, suspects=suspects)
        claimed = self._native(CLAIM, values)
        self._ask(HAS_ANY)  # the next question of who claims
        rows = claimed.fetchall()
        suspect: tuple[Any, ...] | None = None
        if rows and rows[0][_POSITION] is None:
            if suspects:
                suspect = self._due_messages.suspect(to_micros(now), free)
            rows = self._shares(rows, lease, now, limit, free, suspect)
        rows.sort(key=_urgency)
        if suspect:
            crashed = next(row for row in rows if _place(row) == _place(suspect))
            rows.remove(crashed)
            rows = place_suspect(rows, crashed, crashes=suspect[5])
        claims = [self._claimed(tuple(row), now + lease, now) for row in rows]
        made = [claim for claim in claims if claim is not None]
        self._locks.holds(claim.message.id.bytes for claim in made)
        return made

    def claim_last(
        self,
        *,
        now: datetime,
        lease: timedelta,
        limit: int,
        suspects: bool = True,
        places: Mapping[UUID, int] | None = None,
    ) -> list[Claim] | None:
        free = {channel.bytes: count for channel, count in places.items()} if places else {}
        self._ask(HAS_ANY)
        values = _claim_values(now, lease, max(limit, 0), free, suspects=suspects)
        rows = self._last(CLAIM_FRESH, values)
        if any(row[_POSITION] is None for row in rows):
            return None
        claims = [_fresh_claim(row, now + lease) for row in sorted(rows, key=_urgency)]
        return [claim for claim in claims if claim is not None]

    def _shares(  # noqa: PLR0913, PLR0917 - what a claim knows
        self,
        waiting: Sequence[tuple[Any, ...]],
        lease: timedelta,
        now: datetime,
        limit: int,
        free: dict[bytes, int],
        suspect: tuple[Any, ...] | None,
    ) -> list[tuple[Any, ...]]:
        """Lease from each queue its share of the places, and what crashed before."""
        if suspect:
            limit -= 1
            if suspect[-1] in free:
                free[suspect[-1]] -= 1
        counts: list[dict[tuple[bytes, bytes], int]] = [{} for _ in _LANES]
        for row in waiting:
            if row[0]:
                counts[_LANES.index(row[_LANE])][row[4], row[6]] = row[0]
        shares = [
            (lane, *queue, number)
            for lane, queues in zip(_LANES, divide(counts, limit, now, free), strict=True)
            for queue, number in queues.items()
        ]
        lanes, workspaces, channels, numbers = zip(*shares, strict=True) if shares else [()] * 4
        places = [_place(suspect)] if suspect else []
        crashed = (Blobs(place[0] for place in places), Bigints(place[1] for place in places))
        queues_of = (Blobs(channels), Bigints(numbers), *crashed)
        due, *until = _instants(now, lease)
        values = (Bigints(lanes), due, Blobs(workspaces), *until, *queues_of)
        rows: list[tuple[Any, ...]] = self._native(CLAIM_SHARES, values).fetchall()
        return rows

    def _claimed(self, row: tuple[Any, ...], until: datetime, now: datetime) -> Claim | None:
        """Read a message that was leased."""
        due, fence, message_id, document, state, *rest = row[:5], *row[5:]
        _, position, handed_over, _, workspace = due
        doubted_before = False
        if handed_over and (values := _values(state)) is not None:
            doubted_before = values.get("details") == _IN_DOUBT
            state = _written(values | {"details": _IN_DOUBT})
            self._native(_SET_STATE, (workspace, position, state))
        columns = (position, fence, workspace, message_id, document, state, *rest)
        claim = self._read(None if message_id is None else columns, due, until, now)
        return evolve(claim, doubted_before=True) if claim and doubted_before else claim


def _urgency(row: Sequence[Any]) -> tuple[Any, ...]:
    """Order the most urgent lane first, and in it what is due longest."""
    return (row[_LANE], *row[:2])


def _place(row: Sequence[Any]) -> tuple[bytes, int]:
    """Return the workspace and the position, which together are the key of a row."""
    return row[_WORKSPACE], row[_POSITION]


def _instants(now: datetime, lease: timedelta) -> tuple[int, int, str]:
    """Return the present, the end of a lease, and the present in words."""
    return to_micros(now), to_micros(now + lease), write_datetime(now)


def _claim_values(
    now: datetime, lease: timedelta, limit: int, free: Mapping[bytes, int], *, suspects: bool
) -> tuple[Any, ...]:
    due, *until = _instants(now, lease)
    return (Bigints(_LANES), due, limit, *until, Blobs(free), Bigints(free.values()), suspects)


def _fresh_claim(row: Sequence[Any], until: datetime) -> Claim | None:
    """Read a message that was leased for the first time; nothing is written any more."""
    due, fence, *rest = tuple(row[:5]), *row[5:]
    _, position, _, _, workspace = due
    read = partial(claim_of, before=due, until=until)
    return read_stored(read, (position, fence, workspace, *rest), "message at position", position)


def _of_leases(leases: Sequence[Lease]) -> list[Column]:
    keys = [(lease.workspace.bytes, lease.position, lease.fence) for lease in leases]
    return columns_of(keys, "bytea", "bigint", "bigint")


def _places_of(addresses: Collection[tuple[UUID, Identifier]]) -> tuple[Column, Column, Column]:
    """Return under what addresses are suppressed: workspaces, keys and addresses."""
    places = [
        (workspace.bytes, *storable(place_of(identifier, SuppressionScope.MARKETING, None)[:2]))
        for workspace, identifier in addresses
    ]
    workspaces, keys, names = zip(*places, strict=True) if places else [()] * 3
    return Blobs(workspaces), Texts(keys), Texts(names)


def _locks_of(addresses: Collection[tuple[UUID, Identifier]]) -> set[tuple[bytes, str]]:
    names = {(workspace.bytes, name_of(identifier)) for workspace, identifier in addresses}
    return {(workspace, name) for workspace, name in names if name}


def _are_marked(leases: Sequence[Lease], rows: Iterable[Sequence[Any]]) -> list[bool]:
    """Return for each lease whether it is among the rows; of two marks under one the first is."""
    marked = {tuple(row) for row in rows}
    answers = []
    for lease in leases:
        answers.append(_key(lease) in marked)
        marked.discard(_key(lease))
    return answers


def _key(lease: Lease) -> tuple[int, int, bytes]:
    return lease.position, lease.fence, lease.workspace.bytes


def _held(settlement: Settlement) -> tuple[int, int, bytes]:
    return _key(settlement.lease)


def _reversed(settlements: Sequence[Settlement]) -> Iterator[tuple[int, Settlement]]:
    return reversed(list(enumerate(settlements)))


def _columns(settlements: Sequence[Settlement]) -> list[Column]:
    """Return what settlements write, in the order of the rows."""
    rows = [
        (
            settlement.lease.workspace.bytes,
            *settled_row(settlement),
            settlement.lease.fence,
            *_retried(settlement),
        )
        for settlement in sorted(settlements, key=_held)
    ]
    return columns_of(rows, *_SETTLED_TYPES)


def _retried(settlement: Settlement) -> tuple[object, ...]:
    if settlement.next_due_at is None:
        return None, 0, 0, None
    return retry_row(settlement, settlement.next_due_at)[:-1]


def _references(settlements: Sequence[Settlement]) -> list[Column]:
    return _referring(
        [
            (settlement.lease, reference)
            for settlement in settlements
            for reference in settlement.references
        ]
    )


def _referring(references: Sequence[tuple[Lease, str]]) -> list[Column]:
    rows = [(lease.workspace.bytes, lease.position, text) for lease, text in references]
    return columns_of(rows, "bytea", "bigint", "text") if rows else [Blobs(), Bigints(), Texts()]


def _values(state: str) -> dict[str, Any] | None:
    """Return what a state says, or nothing where it is damaged."""
    try:
        values = orjson.loads(state)
    except ValueError:
        return None
    return values if isinstance(values, dict) else None


def _written(values: Mapping[str, Any]) -> str:
    return orjson.dumps(values).decode()
