"""Make the content of a message from a template and values."""

from collections.abc import Callable, Mapping
from typing import Any, cast

import orjson
from attrs import evolve

from messaging_core.errors import TemplateSyntaxError, TemplateValueError
from messaging_core.lazy import frozen
from messaging_core.models.common.channel import SMS
from messaging_core.models.common.violation import Violation
from messaging_core.models.content.action import Action
from messaging_core.models.content.body import (
    Attachment,
    Body,
    HtmlBody,
    HtmlMetadata,
    TextBody,
    TextMetadata,
)
from messaging_core.models.content.rendered_template import RenderedTemplate, TemplateSource
from messaging_core.models.content.template import TemplateReference
from messaging_core.models.content.template_project import (
    Missing,
    TemplateContent,
    TemplateVersion,
)
from messaging_core.rules.formats.platforms import ACTION_TYPES, WITHOUT_ATTACHMENTS
from messaging_core.rules.formats.sms import with_plain_numbers
from messaging_core.templates.interpolation.paths import covers
from messaging_core.templates.interpolation.values import Checked, values_of_data, values_of_request
from messaging_core.templates.locales import choose_content
from messaging_core.templates.sources import (
    ACTION_FORMS,
    DEFAULT_ENGINES,
    Engines,
    compiled,
    engine_of,
    platform_of,
    used_sources,
)

Rendering = RenderedTemplate | tuple[Violation, ...]
"""What a template became, or why it did not."""


def render_request(
    version: TemplateVersion,
    platform: str,
    reference: TemplateReference,
    *,
    engines: Engines = DEFAULT_ENGINES,
    path: str = "/template",
) -> Rendering:
    """Make the content of a message from what its request says about the template.

    Returns:
        The content, with the attachments and short links of the request joined in; or every
        violation, with JSON pointers into the request.
    """
    checked = values_of_request(version, reference, path)
    job = _Job(version, platform, engines, path, f"{path}/parameters")
    made = job.run(reference.locale, checked)
    if isinstance(made, tuple) or not (reference.attachments or reference.short_links):
        return made
    return evolve(
        made,
        body=_with_attachments(made.body, reference.attachments),
        short_links=reference.short_links or made.short_links,
    )


def render_template(
    version: TemplateVersion,
    platform: str,
    locale: str | None,
    data: Mapping[str, Any],
    *,
    engines: Engines = DEFAULT_ENGINES,
) -> Rendering:
    """Make the content of a message from values that are one object, such as for a preview.

    Returns:
        The content; or every violation, those of values with JSON pointers that begin with
        `/data`.
    """
    checked = values_of_data(version, data)
    return _Job(version, platform, engines, "", "/data").run(locale, checked)


def pinned(reference: TemplateReference, rendered: RenderedTemplate) -> TemplateReference:
    """Return a reference that names what was rendered, so that it can be rendered again."""
    source = rendered.source
    return evolve(
        reference,
        project_id=source.project_id,
        version=str(source.version_id),
        locale=source.locale,
    )


def blank_in(version: TemplateVersion) -> Callable[[str], bool]:
    """Tell which places of a version may stay empty."""
    if version.missing is Missing.BLANK:
        return lambda _: True
    optional = [variable.key for variable in version.variables if not variable.required]
    return lambda name: any(covers(key, name) for key in optional)


@frozen
class _Job:
    """One content to be filled with values.

    Attributes:
        path: Where the template is named.
        values_path: Where its values are given.
    """

    version: TemplateVersion
    platform: str
    engines: Engines
    path: str
    values_path: str

    def run(self, locale: str | None, checked: Checked) -> Rendering:
        values, violations = checked
        content = choose_content(self.version, self.platform, locale)
        if content is None:
            message = f"the template has no content for {self.platform}"
            return (*violations, Violation(self.path, "template.no_content", message))
        if violations:
            return violations
        texts, problems = self.fill(content, values)
        return tuple(dict.fromkeys(problems)) or self.assemble(content, texts)

    def fill(
        self, content: TemplateContent, values: Mapping[str, Any]
    ) -> tuple[dict[str, str], list[Violation]]:
        """Render every source that the platform makes use of."""
        engine, blank = engine_of(self.version, self.engines), blank_in(self.version)
        texts: dict[str, str] = {}
        problems: list[Violation] = []
        for source in used_sources(content, self.platform):
            try:
                ready = compiled(source, self.version, engine)
                text = ready.render(values, locale=content.locale, blank=blank)
                texts[source.path] = with_plain_numbers(text) if self.platform == SMS else text
            except TemplateValueError as error:
                problems += [
                    evolve(violation, path=self.place(violation)) for violation in error.violations
                ]
            except TemplateSyntaxError as error:
                message = f"{source.path[1:]} of the template: {error}"
                problems.append(Violation(self.path, "template.syntax", message))
        return texts, problems

    def place(self, violation: Violation) -> str:
        """Return the place in the request that the caller must correct."""
        return self.values_path if violation.path else self.path

    def assemble(self, content: TemplateContent, texts: Mapping[str, str]) -> Rendering:
        data = json_object(texts["/data"]) if "/data" in texts else None
        if "/data" in texts and data is None:
            message = "with these values the push data is no JSON object"
            return (Violation(self.path, "template.data_not_json", message),)
        body = _body(texts, content, data, self.platform)
        if body is None:
            message = "with these values nothing is left to be sent"
            return (Violation(self.path, "template.empty", message),)
        source = TemplateSource(
            project_id=self.version.project_id,
            version_id=self.version.id,
            locale=content.locale,
            platform=platform_of(content),
        )
        return RenderedTemplate(
            body=body,
            source=source,
            subtitle=texts.get("/subtitle"),
            data=data,
            short_links=self.version.short_links,
        )


def _body(
    texts: Mapping[str, str],
    content: TemplateContent,
    data: Mapping[str, Any] | None,
    platform: str,
) -> Body | None:
    carried = ACTION_TYPES.get(platform)
    actions = tuple(
        _filled(action, index, texts)
        for index, action in enumerate(content.actions)
        if carried is None or action.type in carried
    )
    attachments = () if platform in WITHOUT_ATTACHMENTS else content.attachments
    subject, html = texts.get("/subject"), texts.get("/html")
    text = texts.get("/text") or (text_of_push(data) if data is not None else None)
    if html:
        return HtmlBody(
            html=html,
            text=text or None,
            attachments=attachments,
            actions=actions,
            metadata=None if subject is None else HtmlMetadata(subject=subject),
        )
    if not text:
        return None
    return TextBody(
        text=text,
        attachments=attachments,
        actions=actions,
        metadata=None if subject is None else TextMetadata(subject=subject),
    )


def _filled(action: Action, index: int, texts: Mapping[str, str]) -> Action:
    prefix = f"/actions/{index}/{action.type}/"
    changes: dict[str, Any] = {
        name: texts[prefix + name] for name in ACTION_FORMS if prefix + name in texts
    }
    filled: Action = evolve(cast("Any", action), **changes)
    return filled


def _with_attachments(body: Body, more: tuple[Attachment, ...]) -> Body:
    """Add the attachments of a request after those of the template, each once."""
    if not more or not isinstance(body, TextBody | HtmlBody):
        return body
    return evolve(body, attachments=tuple(dict.fromkeys([*body.attachments, *more])))


def json_object(text: str) -> Mapping[str, Any] | None:
    """Read a JSON object, or return nothing."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def text_of_push(data: Mapping[str, Any]) -> str | None:
    """Return the text that push data shows: that of `android`, else that of `apns`."""
    places = (
        ("android", "notification", "body"),
        ("apns", "payload", "aps", "alert", "body"),
        ("apns", "payload", "aps", "alert"),
        ("apns", "aps", "alert", "body"),
        ("apns", "aps", "alert"),
        ("notification", "body"),
    )
    for way in places:
        value: Any = data
        for key in way:
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, str) and value:
            return value
    return None
