"""What is committed, and how each row of it is locked."""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from uuid import UUID

from messaging_adapters.storage.memory.concurrent.locks import Name
from messaging_adapters.storage.memory.tables import Tables
from messaging_core.models.delivery.event import Event

_NAMES: Final = {"contact": "is/", "list": "name/", "template": ""}
"""How keys begin that only one document of a kind may have."""
_CODES: Final = frozenset({"short_link"})
"""Kinds of documents whose ids are not given twice."""


class SharedTables(Tables):
    """What is committed.

    Attributes:
        new_events: What has no position in the log yet, by the number that was drawn for it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.new_events: dict[int, Event] = {}
        self._kinds = {id(table): kind for kind, table in self._tables()}

    def _tables(self) -> Iterator[tuple[str, Mapping[Any, Any]]]:
        """Yield what has rows that are written one at a time, beside messages and documents."""
        yield "key", self.keys
        yield "reference", self.references
        yield "event", self.log.events

    def name_of(self, table: Mapping[Any, Any], key: Any) -> Name | None:
        """Return what a row is locked as; nothing for an entry of an index."""
        if table is self.rows or table is self.outbox:
            return "message", self.rows[key].id
        if table is self.log.last:
            return "head", None
        kind = self._kinds.get(id(table))
        return (kind, key) if kind else self._name_of_document(table, key)

    def _name_of_document(self, table: Mapping[Any, Any], key: Any) -> Name | None:
        for (kind, workspace), documents in self.documents.documents.items():
            if documents is table:
                is_evidence = kind == "evidence"
                return ("message", UUID(key)) if is_evidence else (kind, (workspace, key))
        for (kind, workspace), keys in self.documents.keys.items():
            if keys is table:
                return f"key of {kind}", (workspace, key)
        return None

    def is_taken(self, table: Mapping[Any, Any], key: Any, value: Any) -> bool:
        """Return whether a name or a code belongs to another row."""
        name = self._name_of_document(table, key)
        if name is None:
            return False
        kind = name[0].removeprefix("key of ")
        if kind in _CODES and kind == name[0]:
            return key in table and table[key] != value
        return (
            kind in _NAMES and key.startswith(_NAMES[kind]) and kind != name[0] and len(value) > 1
        )
