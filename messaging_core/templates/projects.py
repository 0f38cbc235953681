"""How a template changes: drafts are edited, active versions never."""

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
"""A project after a change, or why it may not change so."""


def save_draft(project: TemplateProject, draft: TemplateVersion, now: datetime) -> Change:
    """Add a draft, or replace the one with the same id.

    A project has one draft at a time (Bird Channels API); what was active once stays as it is.
    """
    known = {version.id: version for version in project.versions}
    before = known.get(draft.id)
    if before is not None and before.status is not TemplateStatus.DRAFT:
        message = f"this version is {before.status} and stays as it is: save a new draft"
        return (Violation("/id", "template.immutable", message),)
    others = [version for version in project.versions if version.status is TemplateStatus.DRAFT]
    if any(each.id != draft.id for each in others):
        message = "a draft is there already: change, activate or delete that one"
        return (Violation("", "template.second_draft", message),)
    if draft.project_id != project.id:
        message = "the draft names another project"
        return (Violation("/projectId", "template.other_project", message),)
    created = before.created_at if before is not None else now
    saved = evolve(draft, status=TemplateStatus.DRAFT, created_at=created or now, activated_at=None)
    return _with(project, saved, now)


def activate(project: TemplateProject, version: TemplateVersion, now: datetime) -> TemplateProject:
    """Make a version the one that `latest` means; others that are active stay so."""
    ready = evolve(version, status=TemplateStatus.ACTIVE, activated_at=now)
    return _with(project, ready, now)


def deactivate(
    project: TemplateProject, version: TemplateVersion, now: datetime
) -> TemplateProject:
    """Keep a version from being sent; what was accepted with it still goes."""
    return _with(project, evolve(version, status=TemplateStatus.INACTIVE), now)


def latest(versions: Sequence[TemplateVersion]) -> TemplateVersion | None:
    """Return the active version that became active last."""
    active = [version for version in versions if version.status is TemplateStatus.ACTIVE]
    return max(active, key=_moment, default=None)


def choose_version(
    project: TemplateProject, reference: TemplateReference, path: str = "/template"
) -> TemplateVersion | tuple[Violation, ...]:
    """Return the version that a request means; without one it means the latest.

    Only what is active can be sent (Bird Channels API).
    """
    here = f"{path}/version"
    if reference.version in {None, LATEST}:
        found = latest(project.versions)
        message = "no version of the template is active"
        return found or (Violation(here, "template.not_active", message),)
    wanted = str(reference.version).lower()
    found = next((version for version in project.versions if str(version.id) == wanted), None)
    if found is None:
        return (Violation(here, "template.unknown_version", "the project has no such version"),)
    if found.status is not TemplateStatus.ACTIVE:
        message = f"this version is {found.status}: activate it first"
        return (Violation(here, "template.not_active", message),)
    return found


def _with(project: TemplateProject, version: TemplateVersion, now: datetime) -> TemplateProject:
    versions = {version.id: version for version in project.versions} | {version.id: version}
    return evolve(project, versions=tuple(versions.values()), updated_at=now)


def _moment(version: TemplateVersion) -> float:
    return version.activated_at.timestamp() if version.activated_at else 0.0
