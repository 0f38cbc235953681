"""Short links in the memory of this process."""

from collections.abc import Sequence
from uuid import UUID

from attrs import field

from messaging_adapters.storage.memory.undo import Undoable
from messaging_core.lazy import frozen
from messaging_core.models.content.short_link import ShortLink
from messaging_core.ports.storage.content import ShortLinks
from messaging_core.wire import encode, load


@frozen
class ContentTables:
    """The data."""

    links: dict[str, bytes] = field(factory=dict)
    links_of: dict[tuple[UUID, UUID], tuple[str, ...]] = field(factory=dict)


class MemoryShortLinks(ShortLinks):
    """Keep short links inside one transaction."""

    def __init__(self, tables: ContentTables, undo: Undoable) -> None:
        self._tables = tables
        self._undo = undo

    def add(self, links: Sequence[ShortLink]) -> None:
        table = self._tables.links_of
        for link in links:
            key = (link.workspace, link.message_id)
            self._undo.put(self._tables.links, link.code, encode(link))
            self._undo.put(table, key, (*table.get(key, ()), link.code))

    def get(self, code: str) -> ShortLink | None:
        document = self._tables.links.get(code)
        return load(ShortLink, document) if document else None

    def of_message(self, workspace: UUID, message_id: UUID) -> list[ShortLink]:
        codes = self._tables.links_of.get((workspace, message_id), ())
        return [load(ShortLink, self._tables.links[code]) for code in codes]
