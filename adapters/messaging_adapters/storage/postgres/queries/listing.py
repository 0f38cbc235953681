"""Listings in PostgreSQL: the walks of SQLite, and subjects by a table of their words."""

from collections.abc import Sequence

from messaging_adapters.storage.sql.queries.filters import Filter, Filters, Walk, one_of
from messaging_adapters.storage.sql.queries.listing import Listing
from messaging_core.rules.content.subject_words import phrases

# OFFSET 0 keeps the order: one candidate after the other, each through the primary key.
_FROM = (
    "FROM unnest(?1::bigint[]) WITH ORDINALITY AS candidate(at, place)"
    " CROSS JOIN LATERAL (SELECT * FROM messaging_messages"
    " WHERE workspace = ?2 AND position = candidate.at OFFSET 0) m"
)
_ALL = "SELECT position FROM messaging_messages WHERE workspace = ?"
_WAITING = "SELECT position FROM messaging_outbox WHERE workspace = ?"
_WORD = "SELECT position FROM messaging_subject_words WHERE workspace = ? AND word = ?"
_HAS_PHRASE = (
    "EXISTS (SELECT 1 FROM messaging_subjects s WHERE s.workspace = m.workspace"
    " AND s.position = m.position"
    " AND strpos(s.words, ?) > 0)"
)


class PostgresFilters(Filters):
    """Turn the filters of a query on one workspace into SQL."""

    def everything(self) -> tuple[Walk, ...]:
        return ((_ALL, (self._workspace,)),)

    def _waiting(self) -> Walk:
        return (_WAITING, (self._workspace,))

    def _ids(self, values: Sequence[bytes]) -> Filter:
        condition, parameters = test = one_of("m.id", values)
        select = f"SELECT position FROM messaging_messages m WHERE workspace = ? AND {condition}"  # noqa: S608
        return Filter(((select, (self._workspace, *parameters)),), test)

    def _subject(self, words: str) -> Filter:
        searched = phrases(words)
        if not searched:
            nothing = ("SELECT position FROM messaging_messages WHERE false", ())
            return Filter((nothing,), ("false", ()))
        # Long words are usually rare; what is walked is tested as well.
        longest = max((word for phrase in searched for word in phrase), key=len)
        test = " AND ".join([_HAS_PHRASE] * len(searched))
        values = tuple(f" {' '.join(phrase)} " for phrase in searched)
        return Filter(((_WORD, (self._workspace, longest)),), (test, values), exact=False)


class PostgresListing(Listing):
    """Find one page of messages."""

    candidates = _FROM
    filters = PostgresFilters
    in_order = " ORDER BY place"

    @staticmethod
    def _union(selects: Sequence[str]) -> str:
        return " UNION ".join(
            f"SELECT position FROM ({select}) w{place}"  # noqa: S608
            for place, select in enumerate(selects)
        )
