"""Templates and short links."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from messaging_core.models.content.short_link import ShortLink
from messaging_core.models.content.template_project import TemplateProject


class Templates(Protocol):
    """Store template projects, each as one document with all its versions."""

    @abstractmethod
    def save(self, workspace: UUID, project: TemplateProject) -> None:
        """Store a project, or replace the one with its id.

        The caller makes sure that no other project of the workspace has its name.
        """

    @abstractmethod
    def get(self, workspace: UUID, project_id: str) -> TemplateProject | None:
        """Return a project of this workspace, or nothing."""

    @abstractmethod
    def by_name(self, workspace: UUID, name: str) -> TemplateProject | None:
        """Return the project of this workspace that has a name, or nothing."""

    @abstractmethod
    def find(self, workspace: UUID, *, after: str, limit: int) -> list[TemplateProject]:
        """Return up to `limit` projects with ids greater than `after`, in ascending order.

        Ids are compared by code points; every id is greater than the empty text.
        """

    @abstractmethod
    def delete(self, workspace: UUID, project_id: str) -> bool:
        """Delete a project; return false if the workspace has none with this id."""


class ShortLinks(Protocol):
    """Store the targets of short links."""

    @abstractmethod
    def add(self, links: Sequence[ShortLink]) -> None:
        """Add links; the caller makes sure that all codes are new in all workspaces."""

    @abstractmethod
    def get(self, code: str) -> ShortLink | None:
        """Return the link with a code, of whichever workspace, or nothing."""

    @abstractmethod
    def of_message(self, workspace: UUID, message_id: UUID) -> list[ShortLink]:
        """Return the links of a message, in the order in which they were added."""
