"""What a notification says to one user on one channel."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

from attrs import evolve, frozen

from messaging_core.errors import TemplateSyntaxError, TemplateValueError
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
    """Say it to one user after the other; nothing of one ever reaches another."""

    def say(self, user: User, channel: Channel) -> NotificationContent | Sequence[Violation]:
        """Return the content for a user, or why there is none."""

    def attachments(self) -> Sequence[tuple[Attachment, ...]]:
        """Return what an email may have attached already, one entry for each content."""


@frozen
class InlineWording(ContentSource):
    """Fill values into a title and a text that came with the request.

    They are plain, also in an email: values are neither escaped nor evaluated.
    """

    title: CompiledTemplate
    text: CompiledTemplate
    data: Mapping[str, Any]

    def say(self, user: User, channel: Channel) -> NotificationContent | Sequence[Violation]:  # noqa: D102 - the protocol's
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
class TemplateWording(ContentSource):
    """Render a stored template, in the language of each user."""

    version: TemplateVersion
    engines: Engines
    data: Mapping[str, Any]

    def say(self, user: User, channel: Channel) -> NotificationContent | Sequence[Violation]:  # noqa: D102 - the protocol's
        values = {"user": user.record, "data": self.data}
        made = render_template(
            self.version, channel.platform, user.locale, values, engines=self.engines
        )
        if isinstance(made, tuple):
            return made
        return NotificationContent(
            body=made.body,
            meta=_meta(made),
            short_links=_short_links(made) if channel.platform == SMS else None,
        )

    def attachments(self) -> Sequence[tuple[Attachment, ...]]:  # noqa: D102 - the protocol's
        contents = [content for content, _ in contents_of(self.version)]
        return [
            content.attachments for content in contents if platform_of(content) in {None, EMAIL}
        ]


def content_source(
    notification: Notification, project: TemplateProject | None, engines: Engines
) -> ContentSource | Sequence[Violation]:
    """Return how a notification is worded, or why nobody could be told anything.

    Args:
        notification: What is asked for.
        project: The template that it names, if there is one.
        engines: What renders templates.
    """
    if notification.template_id is None:
        return _inline(notification)
    if project is None:
        return [Violation(_TEMPLATE, "template.unknown", "no template has this id")]
    reference = TemplateReference(project_id=project.id)
    version = choose_version(project, reference, _TEMPLATE)
    if isinstance(version, tuple):
        return [evolve(one, path=_TEMPLATE) for one in version]
    if version.engine not in engines:
        message = f"the template is written for {version.engine}, which is not there"
        return [Violation(_TEMPLATE, "template.unknown_engine", message)]
    return TemplateWording(version, engines, notification.data)


def _inline(notification: Notification) -> ContentSource | Sequence[Violation]:
    engine, violations, ready = InterpolationEngine(), [], []
    for source, form, path in (
        (notification.message_title or "", Form.LINE, "/messageTitle"),
        (notification.message_content or "", Form.TEXT, "/messageContent"),
    ):
        try:
            compiled = engine.compile(source, form)
        except TemplateSyntaxError as error:
            violations.append(Violation(path, "template.syntax", str(error)))
        else:
            ready.append(compiled)
            violations += _foreign_paths(compiled, path)
    return violations or InlineWording(ready[0], ready[1], notification.data)


def _foreign_paths(compiled: CompiledTemplate, path: str) -> Iterator[Violation]:
    """Refuse what could have no value: such as a path that lacks `data.`, or a helper's name."""
    for name in compiled.placeholders:
        if name.partition(".")[0] not in _VALUES:
            message = f"{name} is no value here: a path begins with user. or data."
            yield Violation(path, "template.undeclared_variable", message)


def _any(_: str) -> bool:
    return True


def _meta(made: RenderedTemplate) -> Meta:
    """Say which template it was, and what a push message has beside its body."""
    push = None
    if made.subtitle is not None or made.data is not None:
        push = PushNotificationsMeta(subtitle=made.subtitle, data=made.data)
    source = made.source
    return Meta(
        extra_information={
            "templateId": source.project_id,
            "templateVersion": str(source.version_id),
            "templateLocale": source.locale,
        },
        push_notifications=push,
    )


def _short_links(made: RenderedTemplate) -> ShortLinks | None:
    wanted = made.short_links
    if wanted is None or not wanted.enabled:
        return None
    return ShortLinks(domain=wanted.domain or DEFAULT_DOMAIN)
