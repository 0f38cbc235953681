"""Templates and short links in the memory of this process."""

from collections.abc import Sequence
from uuid import UUID

from attrs import field

from messaging_adapters.storage.memory.undo import Undoable
from messaging_core.lazy import frozen
from messaging_core.models.content.short_link import ShortLink
from messaging_core.models.content.template_project import TemplateProject
from messaging_core.ports.storage.content import ShortLinks, Templates
from messaging_core.wire import encode, load
from messaging_core.wire.stored.message import load_project


@frozen
class ContentTables:
    """The data."""

    projects: dict[tuple[UUID, str], bytes | None] = field(factory=dict)
    names: dict[tuple[UUID, str], str | None] = field(factory=dict)
    links: dict[str, bytes] = field(factory=dict)
    links_of: dict[tuple[UUID, UUID], tuple[str, ...]] = field(factory=dict)


class MemoryTemplates(Templates):
    """Keep templates inside one transaction."""

    def __init__(self, tables: ContentTables, undo: Undoable) -> None:
        self._tables = tables
        self._undo = undo

    def save(self, workspace: UUID, project: TemplateProject) -> None:
        self._free_name(workspace, project.id)
        self._undo.put(self._tables.projects, (workspace, project.id), encode(project))
        self._undo.put(self._tables.names, (workspace, project.name), project.id)

    def get(self, workspace: UUID, project_id: str) -> TemplateProject | None:
        document = self._tables.projects.get((workspace, project_id))
        return load_project(document) if document else None

    def by_name(self, workspace: UUID, name: str) -> TemplateProject | None:
        project_id = self._tables.names.get((workspace, name))
        return self.get(workspace, project_id) if project_id else None

    def find(self, workspace: UUID, *, after: str, limit: int) -> list[TemplateProject]:
        mine = {
            project_id: document
            for (owner, project_id), document in self._tables.projects.items()
            if owner == workspace and document and project_id > after
        }
        return [load_project(mine[project_id]) for project_id in sorted(mine)[:limit]]

    def delete(self, workspace: UUID, project_id: str) -> bool:
        if not self._tables.projects.get((workspace, project_id)):
            return False
        self._free_name(workspace, project_id)
        self._undo.put(self._tables.projects, (workspace, project_id), None)
        return True

    def _free_name(self, workspace: UUID, project_id: str) -> None:
        before = self.get(workspace, project_id)
        if before is not None:
            self._undo.put(self._tables.names, (workspace, before.name), None)


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
