"""Listings in SQLite: subjects are found by a full-text index."""

from messaging_adapters.storage.sql.queries.filters import Filter, Filters
from messaging_adapters.storage.sql.queries.listing import Listing

_SUBJECT = (
    "SELECT rowid AS position FROM messaging_subjects_fts WHERE messaging_subjects_fts MATCH ?"
)
_HAS_SUBJECT = (
    "EXISTS (SELECT 1 FROM messaging_subjects_fts"
    " WHERE messaging_subjects_fts MATCH ? AND rowid = m.position)"
)
_NO_WORD = '""'  # finds nothing


class SqliteFilters(Filters):
    """Turn the filters of a query on one workspace into SQL."""

    def _subject(self, words: str) -> Filter:
        text = words.encode("utf-8", "replace").decode().replace("\0", " ")
        match = " ".join('"' + word.replace('"', '""') + '"' for word in text.split()) or _NO_WORD
        return Filter(((_SUBJECT, (match,)),), (_HAS_SUBJECT, (match,)))


class SqliteListing(Listing):
    """Find one page of messages."""

    candidates = "FROM json_each(?) CROSS JOIN messaging_messages m ON m.position = value"
    filters = SqliteFilters
