"""Make the content of a notification for one user on one channel."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

from attrs import evolve

from messaging_core.errors import TemplateSyntaxError, TemplateValueError
from messaging_core.lazy import frozen
from messaging_core.models.common.channel import EMAIL, PUSH, SMS, Channel
from messaging_core.models.common.violation import Violation
from messaging_core.models.content.body import Attachment, Body, TextBody, TextMetadata
from messaging_core.models.content.meta import Meta, PushNotificationsMeta
from messaging_core.models.content.rendered_template import RenderedTemplate
from messaging_core.models.content.template import TemplateReference
from messaging_core.models.content.template_project import Form, TemplateProject, TemplateVersion
from messaging_core.models.messages.notification import Notification
from messaging_core.models.messages.request import ShortLinks
from messaging_core.models.people.user import User
from messaging_core.ports.templates import CompiledTemplate
from messaging_core.rules.links.links import DEFAULT_DOMAIN
from messaging_core.templates import Engines, choose_version, render_template
from messaging_core.templates.interpolation.engine import InterpolationEngine
from messaging_core.templates.sources import contents_of, platform_of

_TEMPLATE: Final = "/templateId"
_VALUES: Final = frozenset({"user", "data"})
_TITLED: Final = frozenset({EMAIL, PUSH})


@frozen(kw_only=True)
class NotificationContent:
    """The content of one message, before files are attached."""

    body: Body
    meta: Meta | None = None
    short_links: ShortLinks | None = None


class ContentSource(Protocol):
    """Makes the content for each user; no data of one user reaches another."""

    def content_for(
        self, user: User, channel: Channel
    ) -> NotificationContent | Sequence[Violation]:
        """Return the content for a user, or the violations that prevent it."""

    def attachments(self) -> Sequence[tuple[Attachment, ...]]:
        """Return the attachments of each content that an email may use."""


@frozen
class InlineContent(ContentSource):
    """Fills values into the title and text of the request.

    They are plain text, also in an email. Values are neither escaped nor evaluated.
    """

    title: CompiledTemplate
    text: CompiledTemplate
    data: Mapping[str, Any]

    def content_for(  # noqa: D102 - the protocol's
        self, user: User, channel: Channel
    ) -> NotificationContent | Sequence[Violation]:
        values = {"user": user.record, "data": self.data}
        try:
            text = self.text.render(values, blank=_any)
            titled = channel.platform in _TITLED
            title = self.title.render(values, blank=_any) if titled else None
        except TemplateValueError as error:
            return error.violations
        return NotificationContent(
            body=TextBody(
                text=text, metadata=None if title is None else TextMetadata(subject=title)
            )
        )

    def attachments(self) -> Sequence[tuple[Attachment, ...]]:  # noqa: D102 - the protocol's
        return [()]


@frozen
class StoredTemplateContent(ContentSource):
    """Renders a stored template in the language of each user."""

    version: TemplateVersion
    engines: Engines
    data: Mapping[str, Any]

    def content_for(  # noqa: D102 - the protocol's
        self, user: User, channel: Channel
    ) -> NotificationContent | Sequence[Violation]:
        values = {"user": user.record, "data": self.data}
        rendered = render_template(
            self.version, channel.platform, user.locale, values, engines=self.engines
        )
        if isinstance(rendered, tuple):
            return rendered
        return NotificationContent(
            body=rendered.body,
            meta=_meta(rendered),
            short_links=_short_links(rendered) if channel.platform == SMS else None,
        )

    def attachments(self) -> Sequence[tuple[Attachment, ...]]:  # noqa: D102 - the protocol's
        contents = [content for content, _ in contents_of(self.version)]
        return [
            content.attachments for content in contents if platform_of(content) in {None, EMAIL}
        ]


def content_source(
    notification: Notification, project: TemplateProject | None, engines: Engines
) -> ContentSource | Sequence[Violation]:
    """Return the source of the content of a notification, or the violations that prevent it.

    Args:
        notification: The request.
        project: The template that it names, if the template exists.
        engines: The engines that render templates, by name.
    """
    if notification.template_id is None:
        return _inline(notification)
    if project is None:
        return [Violation(_TEMPLATE, "template.unknown", "no template has this id")]
    reference = TemplateReference(project_id=project.id)
    version = choose_version(project, reference, _TEMPLATE)
    if isinstance(version, tuple):
        return [evolve(violation, path=_TEMPLATE) for violation in version]
    if version.engine not in engines:
        message = f"the template needs the engine {version.engine}, which is not configured"
        return [Violation(_TEMPLATE, "template.unknown_engine", message)]
    return StoredTemplateContent(version, engines, notification.data)


def _inline(notification: Notification) -> ContentSource | Sequence[Violation]:
    engine, violations, templates = InterpolationEngine(), [], []
    for source, form, path in (
        (notification.message_title or "", Form.LINE, "/messageTitle"),
        (notification.message_content or "", Form.TEXT, "/messageContent"),
    ):
        try:
            compiled = engine.compile(source, form)
        except TemplateSyntaxError as error:
            violations.append(Violation(path, "template.syntax", str(error)))
        else:
            templates.append(compiled)
            violations += _foreign_paths(compiled, path)
    return violations or InlineContent(templates[0], templates[1], notification.data)


def _foreign_paths(compiled: CompiledTemplate, path: str) -> Iterator[Violation]:
    """Refuse placeholders that can have no value, such as a path without `data.` or a helper."""
    for name in compiled.placeholders:
        if name.partition(".")[0] not in _VALUES:
            message = f"{name} has no value here: begin the path with user. or data."
            yield Violation(path, "template.undeclared_variable", message)


def _any(_: str) -> bool:
    return True


def _meta(rendered: RenderedTemplate) -> Meta:
    """Return the `meta` that names the template, with the subtitle and data of a push message."""
    push = None
    if rendered.subtitle is not None or rendered.data is not None:
        push = PushNotificationsMeta(subtitle=rendered.subtitle, data=rendered.data)
    source = rendered.source
    return Meta(
        extra_information={
            "templateId": source.project_id,
            "templateVersion": str(source.version_id),
            "templateLocale": source.locale,
        },
        push_notifications=push,
    )


def _short_links(rendered: RenderedTemplate) -> ShortLinks | None:
    settings = rendered.short_links
    if settings is None or not settings.enabled:
        return None
    return ShortLinks(domain=settings.domain or DEFAULT_DOMAIN)
