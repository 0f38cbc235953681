"""The filters of a listing, each as an index to walk and as a condition to test."""

from collections.abc import Iterator, Sequence
from typing import Any

from messaging_adapters.storage.sql.constants import PENDING
from messaging_adapters.storage.sql.cursor import SqlCursor
from messaging_adapters.storage.sql.rows.columns import storable, to_micros
from messaging_core.lazy import frozen
from messaging_core.models.messages.message import Direction, Status
from messaging_core.models.messages.query import MessageQuery
from messaging_core.wire.stored.message import searchable

Walk = tuple[str, tuple[object, ...]]
"""A SELECT of positions that a range can be added to, or a condition; and its parameters."""

_NOTHING: Walk = ("SELECT position FROM messaging_messages WHERE false", ())
_ALL: Walk = ("SELECT position FROM messaging_messages WHERE true", ())
_WAITING: Walk = ("SELECT position FROM messaging_outbox WHERE true", ())
_CHANNEL = "SELECT position FROM messaging_messages WHERE workspace = ? AND channel_id = ?"
_ENDED = (  # the condition of the partial index, word for word
    "SELECT position FROM messaging_messages WHERE workspace = ? AND status = ?"
    " AND status NOT IN ('accepted', 'scheduled', 'processing')"
)
_PERSON = "SELECT position FROM messaging_people WHERE workspace = ? AND address = ?"
_TAG = "SELECT position FROM messaging_tags WHERE workspace = ? AND tag = ?"
_INCOMING = "SELECT position FROM messaging_messages WHERE workspace = ? AND direction = 'incoming'"


@frozen
class Filter:
    """One filter of a query: walked through an index, or tested on each message `m`.

    Attributes:
        walks: Where its messages stand; together they hold all of them, none where it has no index.
        test: The condition on `m`, and its parameters.
        exact: Whether what is walked need not be tested any more.
    """

    walks: tuple[Walk, ...]
    test: Walk
    exact: bool = True


class Filters:
    """Turn the filters of a query on one workspace into SQL."""

    def __init__(self, cursor: SqlCursor, workspace: bytes) -> None:
        self._cursor = cursor
        self._workspace = workspace

    def of(self, query: MessageQuery) -> Iterator[Filter]:
        """Yield the filters of a query, those that are usually rarest first."""
        if query.id:
            yield self._ids([message_id.bytes for message_id in query.id])
        if query.email_subject is not None:
            yield self._subject(query.email_subject)
        for name, values in _columns(query):
            if values:
                yield self._column(name, storable(values))
        yield from self._addresses(query)
        if query.tag:
            yield self._tags(storable([tag.lower() for tag in query.tag]))
        if query.status:
            yield self._status(query.status)
        if query.direction:
            yield self._direction(query.direction)
        if query.platform:
            yield self._platform(storable(query.platform))
        yield from _times(query)

    def _waiting(self) -> Walk:
        """Walk what waits to be delivered, of all workspaces: few rows."""
        return _WAITING

    def everything(self) -> tuple[Walk, ...]:
        """Walk a workspace: all messages where no other shares the tables, else its channels."""
        alone = "SELECT count(DISTINCT workspace) < 2 FROM messaging_channels"
        is_alone = self._cursor.execute(alone).fetchone()[0]
        return (_ALL,) if is_alone else self._channels("true", ())

    def _channels(self, condition: str, values: Sequence[object]) -> tuple[Walk, ...]:
        """Walk the channels of the workspace that meet a condition, each in its own order."""
        channels = self._cursor.execute(
            "SELECT DISTINCT channel_id FROM messaging_channels"  # noqa: S608 - own conditions
            f" WHERE workspace = ? AND {condition}",
            (self._workspace, *values),
        ).fetchall()
        return tuple((_CHANNEL, (self._workspace, channel)) for (channel,) in channels) or (
            _NOTHING,
        )

    def _each(self, select: str, values: Sequence[object]) -> tuple[Walk, ...]:
        return tuple((select, (self._workspace, value)) for value in values)

    def _ids(self, values: Sequence[bytes]) -> Filter:
        condition, parameters = test = one_of("m.id", values)
        select = f"SELECT position FROM messaging_messages m WHERE {condition}"  # noqa: S608
        return Filter(((select, parameters),), test)

    def _subject(self, words: str) -> Filter:
        """Find messages whose subjects have words."""
        raise NotImplementedError

    def _column(self, name: str, values: Sequence[object]) -> Filter:
        select = f"SELECT position FROM messaging_messages WHERE workspace = ? AND {name} = ?"  # noqa: S608
        return Filter(self._each(select, values), one_of(name, values))

    def _platform(self, values: Sequence[object]) -> Filter:
        condition, _ = test = one_of("platform", values)
        return Filter(self._channels(condition, values), test, exact=False)

    def _status(self, values: Sequence[Status]) -> Filter:
        ended = [value for value in values if value not in PENDING]
        waiting = (self._waiting(),) if len(ended) < len(values) else ()
        walks = self._each(_ENDED, ended) + waiting
        return Filter(walks, one_of("status", values), exact=not waiting)

    def _direction(self, direction: Direction) -> Filter:
        # Only the rarer direction has an index.
        is_rare = direction == Direction.INCOMING  # a host may write plain text
        walks = ((_INCOMING, (self._workspace,)),) if is_rare else ()
        return Filter(walks, ("direction = ?", (direction,)))

    def _tags(self, values: Sequence[object]) -> Filter:
        test = (
            "EXISTS (SELECT 1 FROM messaging_tags t WHERE t.workspace = m.workspace"  # noqa: S608
            f" AND t.tag IN ({_places(values)}) AND t.position = m.position)"
        )
        return Filter(self._each(_TAG, values), (test, tuple(values)))

    def _addresses(self, query: MessageQuery) -> Iterator[Filter]:
        """Yield who sent it and who got it: one is the channel, the other a person."""
        for addresses, own in ((query.sender, "outgoing"), (query.receiver, "incoming")):
            if addresses:
                yield self._address(storable(searchable(addresses)), own)

    def _address(self, values: Sequence[object], own: str) -> Filter:
        """Find addresses on either side: the channel's own where the direction is `own`."""
        condition, _ = one_of("own_address", values)
        person = (
            "EXISTS (SELECT 1 FROM messaging_people p WHERE p.workspace = m.workspace"  # noqa: S608
            f" AND p.address IN ({_places(values)}) AND p.position = m.position)"
        )
        test = f"CASE direction WHEN '{own}' THEN {condition} ELSE {person} END"
        channels = [walk for walk in self._channels(condition, values) if walk is not _NOTHING]
        walks = (*self._each(_PERSON, values), *channels)
        return Filter(walks, (test, (*values, *values)), exact=False)


def _columns(query: MessageQuery) -> Iterator[tuple[str, Sequence[Any]]]:
    yield "reference", query.reference
    yield "batch_id", [query.batch_id.bytes] if query.batch_id else ()
    yield "navigator_id", [query.navigator_id.bytes] if query.navigator_id else ()
    yield "failure_code", query.failure_code
    yield "failure_source_code", query.failure_source_code
    yield "failure_source_name", query.failure_source_name
    yield "country_code", query.country_code
    yield "channel_id", [channel_id.bytes for channel_id in query.channel_id]


def _times(query: MessageQuery) -> Iterator[Filter]:
    if query.start_at:
        yield Filter((), ("created_at >= ?", (to_micros(query.start_at),)))
    if query.end_at:
        yield Filter((), ("created_at < ?", (to_micros(query.end_at),)))


def one_of(name: str, values: Sequence[object]) -> Walk:
    """Return the condition that a column has one of these values."""
    return (f"{name} IN ({_places(values)})", tuple(values))


def _places(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))
