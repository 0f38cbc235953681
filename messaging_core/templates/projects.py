"""Change template projects: drafts are edited, active versions never change."""

from collections.abc import Sequence
from datetime import datetime

from attrs import evolve

from messaging_core.models.common.violation import Violation
from messaging_core.models.content.template import TemplateReference
from messaging_core.models.content.template_project import (
    TemplateProject,
    TemplateStatus,
    TemplateVersion,
)
from messaging_core.rules.content.template import LATEST

Change = TemplateProject | tuple[Violation, ...]
"""A project after a change, or the violations that forbid the change."""


def save_draft(project: TemplateProject, draft: TemplateVersion, now: datetime) -> Change:
    """Add a draft, or replace the one with the same id.

    A project has one draft at a time, and a version that was active never changes (Bird Channels
    API).
    """
    before = next((version for version in project.versions if version.id == draft.id), None)
    if before is not None and before.status is not TemplateStatus.DRAFT:
        message = f"this version is {before.status} and cannot change: save a new draft"
        return (Violation("/id", "template.immutable", message),)
    drafts = [version for version in project.versions if version.status is TemplateStatus.DRAFT]
    if any(version.id != draft.id for version in drafts):
        message = "the project has a draft already: change, activate or discard that one"
        return (Violation("", "template.second_draft", message),)
    if draft.project_id != project.id:
        message = f"the draft names another project: write {project.id!r} here"
        return (Violation("/projectId", "template.other_project", message),)
    created = before.created_at if before is not None else now
    saved = evolve(draft, status=TemplateStatus.DRAFT, created_at=created or now, activated_at=None)
    return _with(project, saved, now)


def activate(project: TemplateProject, version: TemplateVersion, now: datetime) -> TemplateProject:
    """Make a version active and `latest`; other active versions stay active."""
    activated = evolve(version, status=TemplateStatus.ACTIVE, activated_at=now)
    return _with(project, activated, now)


def deactivate(
    project: TemplateProject, version: TemplateVersion, now: datetime
) -> TemplateProject:
    """Make a version unavailable to new messages; accepted messages are still sent."""
    return _with(project, evolve(version, status=TemplateStatus.INACTIVE), now)


def without_draft(project: TemplateProject, now: datetime) -> TemplateProject:
    """Remove the draft of a project, if it has one."""
    versions = [
        version for version in project.versions if version.status is not TemplateStatus.DRAFT
    ]
    return evolve(project, versions=tuple(versions), updated_at=now)


def latest(versions: Sequence[TemplateVersion]) -> TemplateVersion | None:
    """Return the version that was activated last and is still active."""
    active = [version for version in versions if version.status is TemplateStatus.ACTIVE]
    return max(active, key=_activation_time, default=None)


def edited(project: TemplateProject) -> TemplateVersion | None:
    """Return the draft, else the latest version, else the newest one."""
    drafts = [version for version in project.versions if version.status is TemplateStatus.DRAFT]
    candidates = [*drafts, latest(project.versions), *reversed(project.versions)]
    return next(filter(None, candidates), None)


def choose_version(
    project: TemplateProject, reference: TemplateReference, path: str = "/template"
) -> TemplateVersion | tuple[Violation, ...]:
    """Return the version that a request names, by default the latest.

    Messages use active versions only (Bird Channels API).
    """
    here = f"{path}/version"
    if reference.version in {None, LATEST}:
        message = "no version of the template is active: activate one first"
        return latest(project.versions) or (Violation(here, "template.not_active", message),)
    version_id = str(reference.version).lower()
    version = next((version for version in project.versions if str(version.id) == version_id), None)
    if version is None:
        return (Violation(here, "template.unknown_version", "the project has no such version"),)
    if version.status is not TemplateStatus.ACTIVE:
        message = f"this version is {version.status}: activate it first"
        return (Violation(here, "template.not_active", message),)
    return version


def _with(project: TemplateProject, version: TemplateVersion, now: datetime) -> TemplateProject:
    versions = {version.id: version for version in project.versions} | {version.id: version}
    return evolve(project, versions=tuple(versions.values()), updated_at=now)


def _activation_time(version: TemplateVersion) -> float:
    return version.activated_at.timestamp() if version.activated_at else 0.0
