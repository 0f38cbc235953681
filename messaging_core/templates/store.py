"""Stored templates, as a host edits them: drafts, what is active, and what each would become."""

import base64
import binascii
from collections.abc import Mapping
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
from messaging_core.models.common.page import DEFAULT_LIMIT, MAX_LIMIT, Page
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
from messaging_core.ports.storage.transaction import Storage, Transaction
from messaging_core.rules.content.body import check_body
from messaging_core.rules.requests.message import of_rendered
from messaging_core.templates import (
    Engines,
    activate,
    check_project,
    check_version,
    deactivate,
    inspect,
    latest,
    render_template,
    save_draft,
)
from messaging_core.templates.resolver import project_of
from messaging_core.wire import Json, dump, load

_TICK = timedelta(milliseconds=1)
_A_CHANNEL: Final = a(Channel, "a Channel", "call Messenger.render, which finds it")
_A_VERSION: Final = id_of("version of a template")


class Templates:
    """Keep templates; a messenger has one of these as `messenger.templates`.

    Args:
        storage: Where they are kept.
        clock: Tells the time.
        engines: What renders them, by name.
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
        """Save a draft, and learn everything that is wrong with it at once.

        A project that is not there yet is made. Nobody is sent a draft: `activate` it first.

        Args:
            project_id: Which project.
            draft: A version, or its JSON; with the id of the draft there is, it replaces that.
            name: What the project is called, also in requests; by default as before, or its id.
            description: Of the project; by default as before.
            unless_changed_since: `updated_at` of the project as the editor saw it, so that nobody
                overwrites what somebody else saved meanwhile.
            workspace: Its tenant.
            connection: As for `Messenger.send`.

        Raises:
            InvalidTemplateError: The draft breaks rules, all of which it carries; there is another
                draft; or the name is taken. Nothing was written.
            StateError: Somebody else has changed the project.
        """
        version = _read(draft)
        wrong = check_version(version, engines=self.engines)
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
            violations = [*check_project(project), *_check_name(tx, workspace, project), *wrong]
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
        """Let a version be sent, and be the one that `latest` means; it never changes again.

        Raises:
            InvalidTemplateError: It breaks rules, such as that its engine is not there any more.
            UnknownTemplateError: There is no such project or version.
        """
        with self._storage.begin(connection) as tx:
            project, version = _known(tx, workspace, project_id, version_id)
            if violations := check_version(version, engines=self.engines):
                raise InvalidTemplateError(violations)
            changed = activate(project, version, self._now(project))
            tx.templates.save(workspace, changed)
        return changed

    @checked(project_id=project_id, workspace=uuid, version_id=_A_VERSION)
    def deactivate(
        self,
        project_id: str,
        version_id: UUID,
        *,
        workspace: UUID = DEFAULT_WORKSPACE,
        connection: Any = None,
    ) -> TemplateProject:
        """Keep a version from being sent; what was accepted with it still goes.

        Raises:
            StateError: It is a draft, which nobody is sent anyway.
            UnknownTemplateError: There is no such project or version.
        """
        with self._storage.begin(connection) as tx:
            project, version = _known(tx, workspace, project_id, version_id)
            if version.status is TemplateStatus.DRAFT:
                raise StateError(f"version {version_id} is a draft: it is not sent anyway")
            changed = deactivate(project, version, self._now(project))
            tx.templates.save(workspace, changed)
        return changed

    @checked(project_id=project_id, workspace=uuid)
    def discard(
        self, project_id: str, *, workspace: UUID = DEFAULT_WORKSPACE, connection: Any = None
    ) -> TemplateProject:
        """Take the draft of a project out, if it has one.

        Raises:
            UnknownTemplateError: There is no such project.
        """
        with self._storage.begin(connection) as tx:
            project = _project(tx, workspace, project_id)
            kept = [
                version
                for version in project.versions
                if version.status is not TemplateStatus.DRAFT
            ]
            changed = evolve(project, versions=tuple(kept), updated_at=self._now(project))
            tx.templates.save(workspace, changed)
        return changed

    @checked(project_id=project_id, workspace=uuid)
    def delete(
        self, project_id: str, *, workspace: UUID = DEFAULT_WORKSPACE, connection: Any = None
    ) -> bool:
        """Take a project out with all its versions; what was accepted with them still goes.

        Returns:
            False where there is none.
        """
        with self._storage.begin(connection) as tx:
            return tx.templates.delete(workspace, project_id)

    @checked(project_id=project_id, workspace=uuid)
    def get(self, project_id: str, *, workspace: UUID = DEFAULT_WORKSPACE) -> TemplateProject:
        """Return a project with all its versions.

        Raises:
            UnknownTemplateError: There is no such project.
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
        """Return one page of projects, in the order of their ids, or the one with a name.

        Raises:
            InvalidQueryError: The limit or the page token is wrong.
        """
        if not 1 <= limit <= MAX_LIMIT:
            message = f"from 1 to {MAX_LIMIT}"
            raise InvalidQueryError([Violation("/limit", "query.bad_limit", message)])
        after = _place(page_token)
        with self._storage.begin(read_only=True) as tx:
            if name is not None:
                named = tx.templates.by_name(workspace, name)
                return Page(results=[named] if named and not after else [])
            found = tx.templates.find(workspace, after=after, limit=limit + 1)
        token = _token(found[limit - 1].id) if len(found) > limit else None
        return Page(results=found[:limit], next_page_token=token)

    @checked(project_id=project_id, workspace=uuid, version_id=optional(_A_VERSION))
    def inspect(
        self,
        project_id: str,
        version_id: UUID | None = None,
        *,
        workspace: UUID = DEFAULT_WORKSPACE,
    ) -> tuple[ContentReport, ...]:
        """Tell of each content what values it takes, and how long it becomes as SMS.

        Args:
            project_id: Which project.
            version_id: Which version; by default the draft, else the latest.
            workspace: Its tenant.

        Raises:
            UnknownTemplateError: There is no such project or version.
        """
        project = self.get(project_id, workspace=workspace)
        return inspect(_chosen(project, version_id, _edited(project)), engines=self.engines)

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
        """Show what a message would say; `Messenger.render` says more."""
        project = self._named(channel.workspace, template)
        version = _chosen(project, version_id, latest(project.versions) or _edited(project))
        if version.engine not in self.engines:
            raise InvalidTemplateError(check_version(version, engines=self.engines))
        made = render_template(version, channel.platform, locale, data, engines=self.engines)
        if isinstance(made, tuple):
            raise InvalidTemplateError(made)
        if violations := check_body(made.body, channel, "/body"):
            raise InvalidTemplateError([of_rendered(violation) for violation in violations])
        return made

    def _named(self, workspace: UUID, template: str) -> TemplateProject:
        with self._storage.begin(read_only=True) as tx:
            for reference in (
                TemplateReference(project_id=template),
                TemplateReference(name=template),
            ):
                if found := project_of(tx, workspace, reference):
                    return found
        raise UnknownTemplateError(template)

    def _now(self, project: TemplateProject | None) -> datetime:
        """Return the present, later than the last change, so that every change can be told."""
        now = self._clock.now()
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        before = project.updated_at if project else None
        return max(now, before + _TICK) if before else now


def _read(draft: TemplateVersion | Json) -> TemplateVersion:
    """Hold what was built in code to the same shape as JSON."""
    try:
        return load(TemplateVersion, dump(draft) if isinstance(draft, TemplateVersion) else draft)
    except InvalidDocumentError as error:
        raise InvalidTemplateError(error.violations) from None


def _check_unchanged(
    before: TemplateProject | None, project_id: str, since: datetime | None
) -> None:
    if since is not None and (before is None or before.updated_at != in_utc(since)):
        raise StateError(f"template {project_id!r} was changed meanwhile: look at it again")


def _check_name(tx: Transaction, workspace: UUID, project: TemplateProject) -> list[Violation]:
    other = tx.templates.by_name(workspace, project.name)
    if other is None or other.id == project.id:
        return []
    message = f"project {other.id!r} has this name already"
    return [Violation("/name", "template.name_taken", message)]


def _project(tx: Transaction, workspace: UUID, project_id: str) -> TemplateProject:
    project = tx.templates.get(workspace, project_id)
    if project is None:
        raise UnknownTemplateError(project_id)
    return project


def _known(
    tx: Transaction, workspace: UUID, project_id: str, version_id: UUID
) -> tuple[TemplateProject, TemplateVersion]:
    project = _project(tx, workspace, project_id)
    return project, _chosen(project, version_id, None)


def _chosen(
    project: TemplateProject, version_id: UUID | None, usual: TemplateVersion | None
) -> TemplateVersion:
    wanted = [version for version in project.versions if version.id == version_id]
    found = next(iter(wanted), None) if version_id is not None else usual
    if found is None:
        raise UnknownTemplateError(project.id, version_id)
    return found


def _edited(project: TemplateProject) -> TemplateVersion | None:
    """Return the draft, else what would be sent, else the newest version."""
    drafts = [version for version in project.versions if version.status is TemplateStatus.DRAFT]
    newest = [latest(project.versions), *reversed(project.versions)]
    return next((one for one in (*drafts, *newest) if one), None)


def _token(project_id: str) -> str:
    return base64.urlsafe_b64encode(project_id.encode()).rstrip(b"=").decode()


def _place(token: str | None) -> str:
    """Return the id after which a listing goes on."""
    try:
        padded = "" if token is None else token + "=" * (-len(token) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        message = "this is no page token that a listing gave out"
        fault = Violation("/pageToken", "query.page_token_broken", message)
        raise InvalidQueryError([fault]) from None
