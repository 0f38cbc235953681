"""Templates as documents: found by id, and by name as their key."""

from typing import Final
from uuid import UUID

from messaging_core.document_stores.store import DocumentStore
from messaging_core.models.content.template_project import TemplateProject
from messaging_core.ports.storage.content import Templates
from messaging_core.ports.storage.documents import Document
from messaging_core.wire import encode
from messaging_core.wire.stored.message import load_project

_KIND: Final = "template"


class DocumentTemplates(DocumentStore, Templates):
    """Keep templates as documents."""

    def save(self, workspace: UUID, project: TemplateProject) -> None:
        document = Document(project.id, encode(project), (project.name,))
        self._documents.put(_KIND, workspace, document)

    def get(self, workspace: UUID, project_id: str) -> TemplateProject | None:
        document = self._documents.get(_KIND, workspace, project_id)
        return load_project(document.body) if document else None

    def by_name(self, workspace: UUID, name: str) -> TemplateProject | None:
        for document in self._by_key(_KIND, workspace, name):
            return load_project(document.body)
        return None

    def find(self, workspace: UUID, *, after: str, limit: int) -> list[TemplateProject]:
        page = self._documents.page(_KIND, workspace, beyond=after, limit=limit)
        return [load_project(document.body) for document in page]

    def delete(self, workspace: UUID, project_id: str) -> bool:
        return self._documents.delete(_KIND, workspace, project_id)
