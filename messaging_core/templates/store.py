"""Store templates: edit drafts, activate versions and preview messages."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from attrs import evolve

from messaging_core.arguments import a, a_text, any_whole, checked, id_of, instant, optional, uuid
from messaging_core.errors import (
    InvalidDocumentError,
    InvalidQueryError,
    InvalidTemplateError,
    StateError,
    UnknownTemplateError,
)
from messaging_core.models.common.channel import DEFAULT_WORKSPACE, Channel
from messaging_core.models.common.instants import in_utc
from messaging_core.models.common.page import DEFAULT_LIMIT, Page
from messaging_core.models.common.violation import Violation
from messaging_core.models.content.rendered_template import ContentReport, RenderedTemplate
from messaging_core.models.content.template import TemplateReference
from messaging_core.models.content.template_project import (
    TemplateProject,
    TemplateStatus,
    TemplateVersion,
)
from messaging_core.ports.clock import Clock
from messaging_core.ports.components import project_id
from messaging_core.ports.storage.repetition import repeated
from messaging_core.ports.storage.transaction import Storage, Transaction
from messaging_core.rules.content.body import check_body
from messaging_core.rules.requests.message import of_rendered
from messaging_core.rules.requests.query import check_page
from messaging_core.templates import (
    Engines,
    activate,
    check_project,
    check_version,
    deactivate,
    edited,
    inspect,
    latest,
    render_template,
    save_draft,
    without_draft,
)
from messaging_core.templates.resolver import project_of
from messaging_core.wire import Json, dump, load
from messaging_core.wire.stored.page_token import decode_id, encode_id

_TICK = timedelta(milliseconds=1)
_A_CHANNEL: Final = a(Channel, "a Channel", "call Messenger.render, which finds it")
_A_VERSION: Final = id_of("version of a template")


class TemplateStore:
    """Stores templates and previews them; `Messenger.templates` is one.

    Args:
        storage: Where templates are stored.
        clock: The source of the current time.
        engines: The engines that render templates, by name.
    """

    def __init__(self, storage: Storage, clock: Clock, engines: Engines) -> None:
        self._storage = storage
        self._clock = clock
        self.engines = engines

    @checked(
        project_id=project_id,
        workspace=uuid,
        name=optional(a_text),
        description=optional(a_text),
        unless_changed_since=optional(instant),
    )
    @repeated
    def save(  # noqa: PLR0913 - two are needed, the others have defaults
        self,
        project_id: str,
        draft: TemplateVersion | Json,
        *,
        name: str | None = None,
        description: str | None = None,
        unless_changed_since: datetime | None = None,
        workspace: UUID = DEFAULT_WORKSPACE,
        connection: Any = None,
    ) -> TemplateProject:
        """Save a draft, and create its project if it does not exist.

        Messages never use a draft; `activate` makes it available.

        Args:
            project_id: The id of the project.
            draft: A version, or its JSON. It replaces the stored draft with the same id.
            name: The name of the project, which requests may use; by default unchanged, or the id
                of a new project.
            description: A text about the project; by default unchanged.
            unless_changed_since: The `updated_at` that the editor saw. If the project has changed
                since, nothing is saved, so that no edit overwrites another.
            workspace: Its tenant.
            connection: As for `Messenger.send`.

        Raises:
            InvalidTemplateError: The draft breaks rules, another draft exists, or the name is
                taken; with all violations. Nothing was written.
            StateError: The project has changed since.
        """
        version = _read(draft)
        faults = check_version(version, engines=self.engines)
        with self._storage.begin(connection) as tx:
            before = tx.templates.get(workspace, project_id)
            _check_unchanged(before, project_id, unless_changed_since)
            now = self._now(before)
            project = before or TemplateProject(id=project_id, name=project_id, created_at=now)
            project = evolve(
                project,
                name=project.name if name is None else name,
                description=project.description if description is None else description,
            )
            changed = save_draft(project, version, now)
            violations = [*check_project(project), *_check_name(tx, workspace, project), *faults]
            violations += changed if isinstance(changed, tuple) else ()
            if violations or isinstance(changed, tuple):
                raise InvalidTemplateError(violations)
            tx.templates.save(workspace, changed)
        return changed

    @checked(project_id=project_id, workspace=uuid, version_id=_A_VERSION)
    def activate(
        self,
        project_id: str,
        version_id: UUID,
        *,
        workspace: UUID = DEFAULT_WORKSPACE,
        connection: Any = None,
    ) -> TemplateProject:
        """Make a version available to messages, as `latest`; it never changes again.

        Raises:
            InvalidTemplateError: It breaks rules; for example, its engine was removed.
            UnknownTemplateError: The project or the version does not exist.
        """

        def change(project: TemplateProject, now: datetime) -> TemplateProject:
            version = _version(project, version_id)
            if violations := check_version(version, engines=self.engines):
                raise InvalidTemplateError(violations)
            return activate(project, version, now)

        return self._change(project_id, change, workspace, connection)

    @checked(project_id=project_id, workspace=uuid, version_id=_A_VERSION)
    def deactivate(
        self,
        project_id: str,
        version_id: UUID,
        *,
        workspace: UUID = DEFAULT_WORKSPACE,
        connection: Any = None,
    ) -> TemplateProject:
        """Make a version unavailable to new messages; accepted messages are still sent.

        Raises:
            StateError: The version is a draft, which no message can use.
            UnknownTemplateError: The project or the version does not exist.
        """

        def change(project: TemplateProject, now: datetime) -> TemplateProject:
            version = _version(project, version_id)
            if version.status is TemplateStatus.DRAFT:
                message = f"version {version_id} cannot be deactivated: it is a draft; discard it"
                raise StateError(message)
            return deactivate(project, version, now)

        return self._change(project_id, change, workspace, connection)

    @checked(project_id=project_id, workspace=uuid)
    def discard(
        self, project_id: str, *, workspace: UUID = DEFAULT_WORKSPACE, connection: Any = None
    ) -> TemplateProject:
        """Delete the draft of a project, if it has one.

        Raises:
            UnknownTemplateError: The project does not exist.
        """
        return self._change(project_id, without_draft, workspace, connection)

    @checked(project_id=project_id, workspace=uuid)
    @repeated
    def delete(
        self, project_id: str, *, workspace: UUID = DEFAULT_WORKSPACE, connection: Any = None
    ) -> bool:
        """Delete a project with all its versions; accepted messages are still sent.

        Returns:
            Whether the project existed.
        """
        with self._storage.begin(connection) as tx:
            return tx.templates.delete(workspace, project_id)

    @checked(project_id=project_id, workspace=uuid)
    def get(self, project_id: str, *, workspace: UUID = DEFAULT_WORKSPACE) -> TemplateProject:
        """Return a project with all its versions.

        Raises:
            UnknownTemplateError: The project does not exist.
        """
        with self._storage.begin(read_only=True) as tx:
            return _project(tx, workspace, project_id)

    @checked(name=optional(a_text), limit=any_whole, page_token=optional(a_text), workspace=uuid)
    def find(
        self,
        *,
        name: str | None = None,
        limit: int = DEFAULT_LIMIT,
        page_token: str | None = None,
        workspace: UUID = DEFAULT_WORKSPACE,
    ) -> Page[TemplateProject]:
        """Return one page of projects, in the order of their ids, or the project with a name.

        Raises:
            InvalidQueryError: The limit or the page token is invalid.
        """
        if violations := check_page(limit, page_token, of="templates"):
            raise InvalidQueryError(violations)
        after = decode_id(page_token)
        with self._storage.begin(read_only=True) as tx:
            if name is not None:
                named = tx.templates.by_name(workspace, name)
                return Page(results=[named] if named and not after else [])
            # One project more than asked for shows whether there is a next page.
            projects = tx.templates.find(workspace, after=after, limit=limit + 1)
        token = encode_id(projects[limit - 1].id) if len(projects) > limit else None
        return Page(results=projects[:limit], next_page_token=token)

    @checked(project_id=project_id, workspace=uuid, version_id=optional(_A_VERSION))
    def inspect(
        self,
        project_id: str,
        version_id: UUID | None = None,
        *,
        workspace: UUID = DEFAULT_WORKSPACE,
    ) -> tuple[ContentReport, ...]:
        """Return for each content the values that it takes, and its length as SMS.

        Args:
            project_id: The id of the project.
            version_id: The id of the version; by default the draft, else the latest.
            workspace: Its tenant.

        Raises:
            UnknownTemplateError: The project or the version does not exist.
        """
        project = self.get(project_id, workspace=workspace)
        return inspect(_version(project, version_id, edited(project)), engines=self.engines)

    @checked(
        template=a_text,
        locale=optional(a_text),
        channel=_A_CHANNEL,
        version_id=optional(_A_VERSION),
    )
    def render(
        self,
        template: str,
        locale: str | None,
        data: Mapping[str, Any],
        *,
        channel: Channel,
        version_id: UUID | None = None,
    ) -> RenderedTemplate:
        """Return the content of a message; see `Messenger.render`."""
        project = self._named(channel.workspace, template)
        version = _version(project, version_id, latest(project.versions) or edited(project))
        if version.engine not in self.engines:
            raise InvalidTemplateError(check_version(version, engines=self.engines))
        rendered = render_template(version, channel.platform, locale, data, engines=self.engines)
        if isinstance(rendered, tuple):
            raise InvalidTemplateError(rendered)
        if violations := check_body(rendered.body, channel, "/body"):
            raise InvalidTemplateError([of_rendered(violation) for violation in violations])
        return rendered

    def _named(self, workspace: UUID, template: str) -> TemplateProject:
        with self._storage.begin(read_only=True) as tx:
            for reference in (
                TemplateReference(project_id=template),
                TemplateReference(name=template),
            ):
                if project := project_of(tx, workspace, reference):
                    return project
        raise UnknownTemplateError(template)

    @repeated
    def _change(
        self,
        project_id: str,
        change: Callable[[TemplateProject, datetime], TemplateProject],
        workspace: UUID,
        connection: Any,
    ) -> TemplateProject:
        """Read a project, change it and write it in one transaction."""
        with self._storage.begin(connection) as tx:
            project = _project(tx, workspace, project_id)
            changed = change(project, self._now(project))
            tx.templates.save(workspace, changed)
        return changed

    def _now(self, project: TemplateProject | None) -> datetime:
        """Return the current time, or a time just after the last change of the project."""
        # `unless_changed_since` needs a new time for each change. JSON keeps milliseconds.
        now = self._clock.now()
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        before = project.updated_at if project else None
        return max(now, before + _TICK) if before else now


def _read(draft: TemplateVersion | Json) -> TemplateVersion:
    """Return a draft that was checked like JSON, also if it was built in code."""
    try:
        return load(TemplateVersion, dump(draft) if isinstance(draft, TemplateVersion) else draft)
    except InvalidDocumentError as error:
        raise InvalidTemplateError(error.violations) from None


def _check_unchanged(
    before: TemplateProject | None, project_id: str, since: datetime | None
) -> None:
    if since is not None and (before is None or before.updated_at != in_utc(since)):
        message = (
            f"template {project_id!r} was not saved: it was changed meanwhile; read it again and"
            " repeat the change"
        )
        raise StateError(message)


def _check_name(tx: Transaction, workspace: UUID, project: TemplateProject) -> list[Violation]:
    other = tx.templates.by_name(workspace, project.name)
    if other is None or other.id == project.id:
        return []
    message = f"project {other.id!r} has this name already; choose another name"
    return [Violation("/name", "template.name_taken", message)]


def _project(tx: Transaction, workspace: UUID, project_id: str) -> TemplateProject:
    project = tx.templates.get(workspace, project_id)
    if project is None:
        raise UnknownTemplateError(project_id)
    return project


def _version(
    project: TemplateProject, version_id: UUID | None, default: TemplateVersion | None = None
) -> TemplateVersion:
    """Return the version with an id, or the default if no id is given."""
    version = default
    if version_id is not None:
        versions = {version.id: version for version in project.versions}
        version = versions.get(version_id)
    if version is None:
        raise UnknownTemplateError(project.id, version_id)
    return version
