"""One version of a template: how it looks with which values, in every language."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import evolve, field, frozen

from messaging_adapters.viewer import text
from messaging_adapters.viewer.access import Right
from messaging_adapters.viewer.forms import Form, FormAnswer, SeeOther
from messaging_adapters.viewer.mail_frame import HEADERS
from messaging_adapters.viewer.page import Page
from messaging_adapters.viewer.page_request import PageRequest
from messaging_adapters.viewer.pages.template_choices import (
    channel_on,
    locales_on,
    platforms_of,
    usual_platform,
    version_named,
)
from messaging_adapters.viewer.pages.template_fields import (
    FieldView,
    Notes,
    fields_of,
    notes_of,
)
from messaging_adapters.viewer.pages.templates import escaped, unescaped
from messaging_adapters.viewer.parameters import FilterError
from messaging_adapters.viewer.reads import TOO_LONG, Reads, TooLong
from messaging_adapters.viewer.resources import Document, Resource
from messaging_adapters.viewer.template_data import (
    DATA,
    Given,
    given_values,
    recall_data,
    remember_data,
    typed_in,
)
from messaging_adapters.viewer.template_preview import (
    Preview,
    PreviewView,
    framed,
    preview_of,
    view_of,
)
from messaging_core.errors import MessagingError, NotFoundError, StorageBusyError
from messaging_core.models.common.channel import EMAIL, Channel, MessageType
from messaging_core.models.content.rendered_template import ContentReport
from messaging_core.models.content.template_project import (
    TemplateProject,
    TemplateVersion,
)
from messaging_core.models.messages.envelope import EmailContent
from messaging_core.templates import Engines, inspect

_LOCALE, _PLATFORM = "locale", "platform"
_NAMES: Final = (_LOCALE, _PLATFORM, DATA)
MOST_LOCALES: Final = 8


@frozen(kw_only=True)
class Drawn:
    """All that is computed: what a template becomes in each language.

    Attributes:
        given: The value of each variable.
        reports: What each content takes.
        fault: What is wrong with the template itself.
    """

    given: Mapping[str, Given] = field(factory=dict)
    previews: tuple[Preview, ...] = ()
    reports: tuple[ContentReport, ...] = ()
    fault: str | None = None


_NOTHING: Final = Drawn()


@frozen(kw_only=True)
class TemplateModel:
    """What the page reads.

    Attributes:
        channel: On which channel it is shown: one of the workspace, or one with its platform only.
        platforms: To choose from.
        locales: To choose from.
        chosen: The language that is shown alone, if one is.
    """

    project: TemplateProject
    version: TemplateVersion
    channel: Channel
    platforms: tuple[str, ...]
    locales: tuple[str, ...]
    chosen: str | None
    drawn: Drawn | TooLong


@frozen(kw_only=True)
class Tab:
    """A platform, a language or a version to choose."""

    word: str
    url: str
    is_current: bool


@frozen(kw_only=True)
class TemplateView:
    """What the page shows.

    Attributes:
        status: Of the version: `draft`, `active` or `inactive`.
        more_locales: How many languages are not shown beside one another.
        url: Where the form goes.
        hidden: What the form keeps.
    """

    name: str
    id: str
    status: str
    description: str | None
    versions: tuple[Tab, ...]
    platforms: tuple[Tab, ...]
    locales: tuple[Tab, ...]
    fields: tuple[FieldView, ...]
    notes: Notes
    fault: str | None
    previews: tuple[PreviewView, ...]
    more_locales: int
    took_too_long: bool
    url: str
    frame: str
    hidden: tuple[tuple[str, str], ...]


async def read(request: PageRequest, reads: Reads) -> TemplateModel:
    """Read a template, and draw it in each language, within a second."""
    request.parameters.require_known(_NAMES)
    project = await reads(
        reads.messenger.templates.get,
        unescaped(request.path["project"]),
        workspace=request.workspace,
    )
    if project is TOO_LONG:
        raise StorageBusyError("the template could not be read in time")
    version = version_named(project, request.path["version"])
    typed = await recall_data(request.parameters.get(DATA), request.workspace, reads)
    platforms = platforms_of(version, request)
    platform = request.parameters.choice(_PLATFORM, platforms) or usual_platform(version, platforms)
    channel = channel_on(platform, request)
    locales = locales_on(version, platform)
    chosen = request.parameters.choice(_LOCALE, locales)
    drawn = await reads(
        draw,
        version,
        (chosen,) if chosen else locales[:MOST_LOCALES],
        typed,
        channel=channel,
        engines=reads.messenger.templates.engines,
        request=request,
    )
    return TemplateModel(
        project=project,
        version=version,
        channel=channel,
        platforms=platforms,
        locales=locales,
        chosen=chosen,
        drawn=drawn,
    )


def draw(  # noqa: PLR0913 - by keyword beyond the third
    version: TemplateVersion,
    locales: Sequence[str],
    typed: Mapping[str, str] | None,
    *,
    channel: Channel,
    engines: Engines,
    request: PageRequest,
) -> Drawn:
    """Return what a template becomes in some languages."""
    reports, fault = _reports(version, engines)
    names = dict.fromkeys(name for report in reports for name in report.placeholders)
    given = given_values(version.variables, typed, names=names, now=request.times.now)
    data: dict[str, Any] = {
        key: value.value for key, value in given.items() if value.value is not None
    }
    previews: tuple[Preview, ...] = ()
    if fault is None and not any(value.fault for value in given.values()):
        previews = tuple(
            preview_of(version, locale, data, channel=channel, engines=engines)
            for locale in locales
        )
    return Drawn(given=given, previews=previews, reports=reports, fault=fault)


def _reports(
    version: TemplateVersion, engines: Engines
) -> tuple[tuple[ContentReport, ...], str | None]:
    try:
        return inspect(version, engines=engines), None
    except MessagingError as error:  # a source is broken, or the host no longer has its engine
        return (), str(error)


def show(request: PageRequest, model: TemplateModel) -> TemplateView:
    """Return what the page shows."""
    version = model.version
    drawn = _NOTHING if model.drawn is TOO_LONG else model.drawn
    segments = ("templates", escaped(model.project.id), str(version.id))
    left = 0 if model.chosen else max(0, len(model.locales) - MOST_LOCALES)
    return TemplateView(
        name=text.line(model.project.name, 120),
        id=text.line(model.project.id, 120),
        status=version.status,
        description=text.line(version.description) if version.description else None,
        versions=_versions(model, request),
        platforms=tuple(_tab(_PLATFORM, own, model, request) for own in model.platforms),
        locales=_locale_tabs(model, request),
        fields=fields_of(version, drawn.given, drawn.previews, drawn.reports),
        notes=notes_of(drawn.reports, model.channel.platform),
        fault=text.line(drawn.fault) if drawn.fault else None,
        previews=tuple(_preview(own, model, request) for own in drawn.previews),
        more_locales=left,
        took_too_long=model.drawn is TOO_LONG,
        url=request.urls.to(*segments, "values"),
        frame=request.urls.to(*segments, "html"),
        hidden=(
            (_PLATFORM, model.channel.platform),
            *(((_LOCALE, model.chosen),) if model.chosen else ()),
        ),
    )


def _preview(preview: Preview, model: TemplateModel, request: PageRequest) -> PreviewView:
    segments = ("templates", escaped(model.project.id), str(model.version.id), "html")
    pairs = [(_LOCALE, preview.locale), *_kept(request, DATA)]
    return view_of(
        preview,
        channel=model.channel,
        at=request.times.local(request.times.now),
        frame_path=request.urls.to(*segments, query=pairs),
        is_marketing=model.channel.message_type is MessageType.PROMOTIONAL,
    )


def _kept(request: PageRequest, *names: str) -> list[tuple[str, str]]:
    return [(name, value) for name, value in request.parameters.filters if name in names]


def _tab(name: str, value: str, model: TemplateModel, request: PageRequest) -> Tab:
    segments = ("templates", escaped(model.project.id), str(model.version.id))
    pairs = _kept(request, DATA, *({_PLATFORM} if name == _LOCALE else ()))
    current = model.channel.platform if name == _PLATFORM else model.chosen
    return Tab(
        word=text.line(value, 60),
        url=request.urls.to(*segments, query=[(name, value), *pairs]),
        is_current=value == current,
    )


def _locale_tabs(model: TemplateModel, request: PageRequest) -> tuple[Tab, ...]:
    if len(model.locales) == 1:
        return ()
    segments = ("templates", escaped(model.project.id), str(model.version.id))
    every = Tab(
        word="All languages",
        url=request.urls.to(*segments, query=_kept(request, DATA, _PLATFORM)),
        is_current=model.chosen is None,
    )
    return (every, *(_tab(_LOCALE, own, model, request) for own in model.locales))


def _versions(model: TemplateModel, request: PageRequest) -> tuple[Tab, ...]:
    """Return the versions of the template, the last one first."""
    versions = model.project.versions
    return tuple(
        Tab(
            word=f"{number}, {own.status}",
            url=request.urls.to("templates", escaped(model.project.id), str(own.id)),
            is_current=own.id == model.version.id,
        )
        for number, own in reversed(list(enumerate(versions, start=1)))
    )[:MOST_LOCALES]


TEMPLATE: Final = Page(
    name="template",
    title="Template",
    path="/templates/{project}/{version}",
    read=read,
    show=show,
    frame=lambda view: view.frame if any(own.mail for own in view.previews) else None,
    section="templates",
)


async def _values(request: PageRequest, reads: Reads) -> FormAnswer:
    """Keep the values of the form, and lead to the page with them."""
    typed = typed_in(request.form)
    key = await remember_data(typed, request.workspace, reads)
    pairs = [(name, request.form.get(name) or "") for name in (_PLATFORM, _LOCALE)]
    segments = ("templates", request.path["project"], request.path["version"])
    return SeeOther(request.urls.to(*segments, query=[*pairs, (DATA, key)]))


async def _html(request: PageRequest, reads: Reads) -> Document:
    """Answer with the mail in one language, as a document that can do nothing."""
    if request.parameters.get(_LOCALE) is None:
        raise FilterError(_LOCALE, "a language of the template")
    parameters = request.parameters.with_value(_PLATFORM, EMAIL)
    mail = await read(evolve(request, parameters=parameters), reads)
    if mail.drawn is TOO_LONG:
        raise StorageBusyError("the template could not be drawn in time")
    for preview in mail.drawn.previews:
        if isinstance(preview.content, EmailContent) and (own := framed(preview.content)):
            body = own.html.encode(errors="replace")
            return Document(body=body, media_type="text/html; charset=utf-8", headers=HEADERS)
    raise NotFoundError("the template has no HTML with these values")


TEMPLATE_FORMS: Final = (
    Form(path=f"{TEMPLATE.path}/values", right=Right.LOOK, submit=_values, page=TEMPLATE),
)
TEMPLATE_DOCUMENTS: Final = (
    Resource(path=f"{TEMPLATE.path}/html", right=Right.LOOK, answer=_html),
)
