"""Resolve the template that a request names into its content."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from uuid import UUID

from attrs import evolve

from messaging_core.decisions.acceptance.drafting import identifiers_of
from messaging_core.lazy import frozen
from messaging_core.models.common.channel import Channel
from messaging_core.models.common.violation import Violation
from messaging_core.models.content.meta import Meta, PushNotificationsMeta
from messaging_core.models.content.rendered_template import RenderedTemplate
from messaging_core.models.content.template import TemplateReference
from messaging_core.models.content.template_project import TemplateProject
from messaging_core.models.messages.request import SendMessage
from messaging_core.ports.storage.transaction import Storage, Transaction
from messaging_core.ports.templates import TemplateEngine
from messaging_core.rules.content.headers import check_subject
from messaging_core.rules.content.template import check_template

_PATH = "/template"


@frozen(kw_only=True)
class TemplateResolver:
    """Puts the content of stored templates into requests.

    Attributes:
        storage: Where the templates are stored.
        own_engines: The engines of the host, by name, beside those of the package.
    """

    storage: Storage
    own_engines: Mapping[str, TemplateEngine] = MappingProxyType({})

    @property
    def engines(self) -> Mapping[str, TemplateEngine]:
        """All engines by name."""
        from messaging_core.templates.sources import DEFAULT_ENGINES  # noqa: PLC0415 - see resolve

        return {**DEFAULT_ENGINES, **self.own_engines}

    def resolve(
        self, request: SendMessage, channel: Channel
    ) -> tuple[SendMessage | None, Sequence[Violation]]:
        """Return a request with the content of the template that it names.

        The content is final, and the reference is pinned to the version and locale that were
        used: later changes of the template do not change the message.

        Returns:
            The request with content and no violations; or None and the violations. Both are empty
            if the request needs no content, or if its reference breaks rules, which the check of
            the request reports.
        """
        reference = request.template
        if reference is None or request.body is not None:
            return None, ()
        if check_template(reference, channel.platform, _PATH):
            return None, ()
        # The modules that render are imported from here on: most programs use no templates.
        rendered = self._render(request, reference, channel)
        if not isinstance(rendered, RenderedTemplate):
            return None, rendered
        return _with_content(request, reference, rendered), ()

    def _render(
        self, request: SendMessage, reference: TemplateReference, channel: Channel
    ) -> RenderedTemplate | Sequence[Violation]:
        from messaging_core.templates.projects import choose_version  # noqa: PLC0415 - see resolve
        from messaging_core.templates.rendering import render_request  # noqa: PLC0415 - see resolve

        with self.storage.begin(read_only=True) as tx:
            project = project_of(tx, channel.workspace, reference)
            if project is not None and reference.locale is None:
                reference = evolve(reference, locale=_shared_locale(tx, request, channel))
        if project is None:
            where = f"{_PATH}/name" if reference.project_id is None else f"{_PATH}/projectId"
            return (Violation(where, "template.unknown", "this template does not exist"),)
        version = choose_version(project, reference, _PATH)
        if isinstance(version, tuple):
            return version
        engines = self.engines
        if version.engine not in engines:
            message = f"the template needs the engine {version.engine}, which is not configured"
            return (Violation(_PATH, "template.unknown_engine", message),)
        rendered = render_request(version, channel.platform, reference, engines=engines)
        if isinstance(rendered, tuple) or rendered.subtitle is None:
            return rendered
        return check_subject(rendered.subtitle, _PATH) or rendered


def project_of(
    tx: Transaction, workspace: UUID, reference: TemplateReference
) -> TemplateProject | None:
    """Return the project that a reference names, by its id, else by its name."""
    if reference.project_id is not None:
        return tx.templates.get(workspace, reference.project_id)
    return tx.templates.by_name(workspace, reference.name) if reference.name else None


def _shared_locale(tx: Transaction, request: SendMessage, channel: Channel) -> str | None:
    """Return the language of the receivers, if all of them have the same.

    An email to several people has one text. If their languages differ, it is in the default one.
    """
    identifiers = identifiers_of(request, channel)
    owners = tx.contacts.by_identifiers(channel.workspace, identifiers)
    contacts = [
        tx.contacts.get(channel.workspace, owners[identifier]) if identifier in owners else None
        for identifier in identifiers
    ]
    locales = {contact.locale if contact else None for contact in contacts}
    return locales.pop() if len(locales) == 1 else None


def _with_content(
    request: SendMessage, reference: TemplateReference, rendered: RenderedTemplate
) -> SendMessage:
    from messaging_core.templates.rendering import pinned  # noqa: PLC0415 - see resolve

    template = evolve(pinned(reference, rendered), short_links=rendered.short_links)
    meta = _with_push(request.meta, rendered)
    return evolve(request, body=rendered.body, template=template, meta=meta)


def _with_push(meta: Meta | None, rendered: RenderedTemplate) -> Meta | None:
    """Add the subtitle and data of a push message; the template replaces those of the request."""
    if rendered.subtitle is None and rendered.data is None:
        return meta
    meta = meta or Meta()
    push = meta.push_notifications or PushNotificationsMeta()
    subtitle = push.subtitle if rendered.subtitle is None else rendered.subtitle
    data = push.data if rendered.data is None else rendered.data
    return evolve(meta, push_notifications=evolve(push, subtitle=subtitle, data=data))
