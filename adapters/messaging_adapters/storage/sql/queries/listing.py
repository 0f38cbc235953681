"""Listings: walk the rarest index, test the rest, never scan without bound."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Any, ClassVar
from uuid import UUID

import orjson

from messaging_adapters.storage.sql.constants import POSITION_BITS
from messaging_adapters.storage.sql.cursor import SqlCursor
from messaging_adapters.storage.sql.queries.filters import Filter, Filters, Walk
from messaging_adapters.storage.sql.rows.columns import from_micros, to_micros
from messaging_adapters.storage.sql.rows.documents import DOCUMENT, WITH_DOCUMENT
from messaging_core.models.common.page import Page
from messaging_core.models.messages.counts import CountBy, Counts, count_kinds
from messaging_core.models.messages.message import Message
from messaging_core.models.messages.query import MessageQuery
from messaging_core.wire.stored.message import Stored, StoredMessages
from messaging_core.wire.stored.page_token import decode_page_token, encode_page_token

_LOWEST, _HIGHEST = 0, 2**63 - 1
_MOST_WALKS = 100  # a filter with more values is tested on each message instead of walked
_MOST_ROWS = 4000  # how many positions a step may read from all walks together
_SAMPLE = 32  # how far each index is counted to find the rarest
_FIRST_CHUNK = 64
ROW = f"m.position, {DOCUMENT}, CAST(m.state AS BLOB)"
_KIND = "status, channel_id"


class Listing:
    """Find one page of messages.

    The cost of a page is bounded by `scan_budget` candidates beyond its limit: what is rarer
    than that fills no page, and the page's token goes on from where the scan stopped.

    Attributes:
        candidates: Reads positions from a list, the first value, and the message `m` of each, in
            their order: one candidate after the other, until enough have passed. The second value
            is the workspace.
        filters: Turns filters into SQL.
        in_order: Ends the statement, where the order must be named.
    """

    candidates: ClassVar[str]
    filters: ClassVar[type[Filters]]
    in_order: ClassVar[str] = ""

    def __init__(self, cursor: SqlCursor, query: MessageQuery, scan_budget: int) -> None:
        self._cursor = cursor
        self._query = query
        self._budget = scan_budget + query.limit + 1
        self._order = "ASC" if query.reverse else "DESC"
        self._workspace = query.workspace.bytes
        self._filters = self.filters(cursor, self._workspace)
        self._tests: list[Walk] = []

    def page(self) -> Page[Message]:
        """Return the page the query asks for."""
        query = self._query
        rows: list[tuple[int, bytes, str]] = []
        token = None
        for candidates, is_last in self._candidates():
            rows += self._select(ROW, candidates, query.limit + 1 - len(rows))
            if len(rows) > query.limit:
                token = encode_page_token(query, rows[query.limit - 1][0])
                break
            token = None if is_last else encode_page_token(query, candidates[-1])
        return Page(
            results=StoredMessages(
                {
                    position: Stored(document, state)
                    for position, document, state in rows[: query.limit]
                }
            ),
            next_page_token=token,
            start_at=query.start_at,
            end_at=query.end_at,
        )

    def counts(self, by: Collection[CountBy]) -> Counts:
        """Return the numbers of the messages that are on the page, grouped as asked."""
        limit, is_exact = self._query.limit, False
        kind = f"{_KIND}, {'created_at' if CountBy.DAY in by else '0'}"
        rows: list[tuple[str, bytes, int]] = []
        for candidates, is_last in self._candidates():
            rows += self._select(kind, candidates, limit + 1 - len(rows))
            is_exact = is_last and len(rows) <= limit
            if len(rows) > limit:
                break
        kinds = {  # there are few, unless days count too
            (status, UUID(bytes=channel_id), from_micros(at)): number
            for (status, channel_id, at), number in Counter(rows[:limit]).items()
        }
        return count_kinds(kinds, by, is_exact=is_exact)

    def _candidates(self) -> Iterator[tuple[list[int], bool]]:
        """Yield positions in order, in growing chunks, and whether a chunk is the last there is."""
        low, high = self._range()
        driver = self._choose(low, high)
        most = max(self._query.limit + 1, _MOST_ROWS // len(driver))
        size = max(self._query.limit + 1, _FIRST_CHUNK if self._tests else 0)
        left = self._budget
        while left > 0:
            size = min(size, most, left)
            chunk = self._walk(driver, low, high, size)
            yield chunk, len(chunk) < size
            if len(chunk) < size:
                return
            low, high = (chunk[-1] + 1, high) if self._query.reverse else (low, chunk[-1] - 1)
            left -= size
            size *= 4

    def _range(self) -> tuple[int, int]:
        """Return the lowest and highest position the page can hold."""
        low, high, query = _LOWEST, _HIGHEST, self._query
        if query.start_at:
            # A position never lies before its message's own time, and at most `ahead` after it.
            low = to_micros(query.start_at) // 1000 << POSITION_BITS
        if query.end_at:
            ahead = self._cursor.execute(
                "SELECT value FROM messaging_facts WHERE name = 'positions_ahead'"
            ).fetchone()[0]
            high = min(high, (to_micros(query.end_at) // 1000 + ahead + 1) << POSITION_BITS)
        after = decode_page_token(query)
        if after is not None and query.reverse:
            low = max(low, after + 1)
        elif after is not None:
            high = min(high, after - 1)
        return low, high

    def _choose(self, low: int, high: int) -> tuple[Walk, ...]:
        """Pick the filter to walk, the rarest; the others become tests."""
        filters = list(self._filters.of(self._query))
        walkable = [candidate for candidate in filters if 0 < len(candidate.walks) <= _MOST_WALKS]
        driver = None
        if walkable:
            driver = min(
                walkable, key=lambda candidate: self._count(candidate, low, high, len(walkable))
            )
        self._tests = [
            candidate.test
            for candidate in filters
            if candidate is not driver or not candidate.exact
        ]
        return driver.walks if driver else self._filters.everything()

    def _count(self, candidate: Filter, low: int, high: int, rivals: int) -> int:
        return 0 if rivals == 1 else len(self._walk(candidate.walks, low, high, _SAMPLE))

    def _walk(self, walks: tuple[Walk, ...], low: int, high: int, size: int) -> list[int]:
        bounded = [
            (
                f"{select} AND position BETWEEN ? AND ? ORDER BY position {self._order} LIMIT ?",
                (*values, low, high, size),
            )
            for select, values in walks
        ]
        if len(bounded) == 1:
            sql, parameters = bounded[0]
        else:
            union = self._union([select for select, _ in bounded])
            sql = f"{union} ORDER BY position {self._order} LIMIT ?"
            parameters = (*(value for _, values in bounded for value in values), size)
        return [row[0] for row in self._cursor.execute(sql, parameters)]

    @staticmethod
    def _union(selects: Sequence[str]) -> str:
        return " UNION ".join(f"SELECT position FROM ({select})" for select in selects)  # noqa: S608

    def _select(self, columns: str, candidates: Sequence[int], most: int) -> list[Any]:
        """Return columns of those candidates that pass every test."""
        tests = "".join(f" AND {sql}" for sql, _ in self._tests)
        joined = f" {WITH_DOCUMENT}" if columns == ROW else ""
        return self._cursor.execute(
            f"SELECT {columns} {self.candidates}{joined} WHERE m.workspace = ?2{tests}"
            f"{self.in_order} LIMIT ?",
            (
                orjson.dumps(candidates).decode(),
                self._workspace,
                *(value for _, values in self._tests for value in values),
                most,
            ),
        ).fetchall()
