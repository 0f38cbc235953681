"""The stored templates: their languages, platforms and state."""

from typing import Final

from attrs import frozen

from messaging_adapters.viewer import text
from messaging_adapters.viewer.page import Page
from messaging_adapters.viewer.page_request import PageRequest
from messaging_adapters.viewer.reads import TOO_LONG, Reads, TooLong
from messaging_adapters.viewer.times import Moment
from messaging_core.models.common.page import Page as Results
from messaging_core.models.content.template_project import TemplateProject, TemplateVersion
from messaging_core.templates import edited, latest
from messaging_core.templates.sources import contents_of, platform_of

ROWS: Final = 50
_TOKEN: Final = "pageToken"  # noqa: S105 - the name of a parameter
_MOST_LOCALES: Final = 12
EVERY_PLATFORM: Final = "any platform"


@frozen(kw_only=True)
class TemplateRow:
    """A template as the list shows it.

    Attributes:
        url: Of the version that is sent, else of the draft; nothing if it has no version.
        states: Which versions there are, such as `active` and `draft`.
        places: Platforms, and `any platform` for generic content.
    """

    name: str
    id: str
    url: str | None
    states: tuple[str, ...]
    locales: tuple[str, ...]
    places: tuple[str, ...]
    changed: Moment | None


@frozen(kw_only=True)
class TemplatesView:
    """What the page shows."""

    rows: tuple[TemplateRow, ...]
    took_too_long: bool
    first_url: str | None
    next_url: str | None


async def read(request: PageRequest, reads: Reads) -> Results[TemplateProject] | TooLong:
    """Read one page of templates."""
    request.parameters.require_known((_TOKEN,))
    return await reads(
        reads.messenger.templates.find,
        limit=ROWS,
        page_token=request.parameters.get(_TOKEN),
        workspace=request.workspace,
    )


def show(request: PageRequest, results: Results[TemplateProject] | TooLong) -> TemplatesView:
    """Return what the page shows."""
    urls = request.urls
    projects = [] if results is TOO_LONG else results.results
    token = None if results is TOO_LONG else results.next_page_token
    return TemplatesView(
        rows=tuple(_row(project, request) for project in projects),
        took_too_long=results is TOO_LONG,
        first_url=urls.to("templates") if request.parameters.get(_TOKEN) else None,
        next_url=urls.to("templates", query=[(_TOKEN, token)]) if token else None,
    )


def shown_version(project: TemplateProject) -> TemplateVersion | None:
    """Return the version that messages get, else the draft, else the last one."""
    last = project.versions[-1] if project.versions else None
    return latest(project.versions) or edited(project) or last


def escaped(project_id: str) -> str:
    """Return the id of a project as one segment of a path (RFC 6901 §3)."""
    return project_id.replace("~", "~0").replace("/", "~1")


def unescaped(segment: str) -> str:
    """Return the id of a project that a segment of a path names."""
    return segment.replace("~1", "/").replace("~0", "~")


def _row(project: TemplateProject, request: PageRequest) -> TemplateRow:
    version = shown_version(project)
    contents = [content for content, _ in contents_of(version)] if version else []
    locales = dict.fromkeys(content.locale for content in contents)
    places = dict.fromkeys(platform_of(content) or EVERY_PLATFORM for content in contents)
    url = request.urls.to("templates", escaped(project.id), str(version.id)) if version else None
    return TemplateRow(
        name=text.line(project.name, 120),
        id=text.line(project.id, 120),
        url=url,
        states=tuple(dict.fromkeys(own.status for own in project.versions)),
        locales=tuple(text.line(locale, 40) for locale in locales)[:_MOST_LOCALES],
        places=tuple(text.line(place, 60) for place in places),
        changed=request.times.ago(project.updated_at) if project.updated_at else None,
    )


TEMPLATES: Final = Page(
    name="templates", title="Templates", path="/templates", read=read, show=show, in_bar=True
)
