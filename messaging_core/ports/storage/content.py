"""Templates and short links."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from messaging_core.models.content.short_link import ShortLink
from messaging_core.models.content.template_project import TemplateProject


class Templates(Protocol):
    """Keep template projects, each as one document with all its versions."""

    @abstractmethod
    def save(self, workspace: UUID, project: TemplateProject) -> None:
        """Keep a project, in place of the one with its id.

        No other project of the workspace has its name.
        """

    @abstractmethod
    def get(self, workspace: UUID, project_id: str) -> TemplateProject | None:
        """Return a project of this workspace, or nothing."""

    @abstractmethod
    def by_name(self, workspace: UUID, name: str) -> TemplateProject | None:
        """Return the project of this workspace that has a name, or nothing."""

    @abstractmethod
    def find(self, workspace: UUID, *, after: str, limit: int) -> list[TemplateProject]:
        """Return the first projects whose ids come after another one, in the order of their ids.

        Ids are compared by code points; nothing comes before the empty one.
        """

    @abstractmethod
    def delete(self, workspace: UUID, project_id: str) -> bool:
        """Take a project out; false where there is none."""


class ShortLinks(Protocol):
    """Keep where short links lead."""

    @abstractmethod
    def add(self, links: Sequence[ShortLink]) -> None:
        """Keep new links; all codes are new, in all workspaces."""

    @abstractmethod
    def get(self, code: str) -> ShortLink | None:
        """Return the link with a code, whosesoever it is, or nothing."""

    @abstractmethod
    def of_message(self, workspace: UUID, message_id: UUID) -> list[ShortLink]:
        """Return the links of a message, in the order in which they were added."""
