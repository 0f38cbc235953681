"""Templates: a document each, found by id and by name."""

from uuid import UUID

from messaging_adapters.storage.sql.rows.columns import storable
from messaging_adapters.storage.sql.stores.store import SqlStore
from messaging_core.models.content.template_project import TemplateProject
from messaging_core.ports.storage.content import Templates
from messaging_core.wire import encode
from messaging_core.wire.stored.message import load_project

_SAVE = (
    "INSERT INTO messaging_templates (workspace, id, name, document) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (workspace, id) DO UPDATE SET name = excluded.name, document = excluded.document"
)
_FIND = "SELECT document FROM messaging_templates WHERE workspace = ?"
_GET = f"{_FIND} AND id = ?"
_BY_NAME = f"{_FIND} AND name = ?"
_AFTER = f"{_FIND} AND id > ? ORDER BY id LIMIT ?"
_DELETE = "DELETE FROM messaging_templates WHERE workspace = ? AND id = ?"


class SqlTemplates(SqlStore, Templates):
    """Keep templates through one cursor, inside one transaction."""

    def save(self, workspace: UUID, project: TemplateProject) -> None:
        row = (workspace.bytes, project.id, project.name, encode(project))
        self._cursor.execute(_SAVE, row)

    def get(self, workspace: UUID, project_id: str) -> TemplateProject | None:
        return self._one(_GET, workspace, project_id)

    def by_name(self, workspace: UUID, name: str) -> TemplateProject | None:
        return self._one(_BY_NAME, workspace, name)

    def _one(self, statement: str, workspace: UUID, value: str) -> TemplateProject | None:
        row = self._cursor.execute(statement, (workspace.bytes, *storable([value]))).fetchone()
        return load_project(row[0]) if row else None

    def find(self, workspace: UUID, *, after: str, limit: int) -> list[TemplateProject]:
        rows = self._cursor.execute(_AFTER, (workspace.bytes, *storable([after]), limit))
        return [load_project(document) for (document,) in rows]

    def delete(self, workspace: UUID, project_id: str) -> bool:
        self._cursor.execute(_DELETE, (workspace.bytes, *storable([project_id])))
        return bool(self._cursor.rowcount)
