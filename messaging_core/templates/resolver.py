"""From a request that names a template to one with its content."""

from collections.abc import Sequence
from uuid import UUID

from attrs import evolve, frozen

from messaging_core.decisions.acceptance.drafting import identifiers_of
from messaging_core.models.common.channel import Channel
from messaging_core.models.common.violation import Violation
from messaging_core.models.content.meta import Meta, PushNotificationsMeta
from messaging_core.models.content.rendered_template import RenderedTemplate
from messaging_core.models.content.template import TemplateReference
from messaging_core.models.content.template_project import TemplateProject
from messaging_core.models.messages.request import SendMessage
from messaging_core.ports.storage.transaction import Storage, Transaction
from messaging_core.rules.content.headers import check_subject
from messaging_core.rules.content.template import check_template
from messaging_core.templates import (
    DEFAULT_ENGINES,
    Engines,
    choose_version,
    pinned,
    render_request,
)

_PATH = "/template"


@frozen(kw_only=True)
class TemplateResolver:
    """Put the content of stored templates into requests."""

    storage: Storage
    engines: Engines = DEFAULT_ENGINES

    def fill(
        self, request: SendMessage, channel: Channel
    ) -> tuple[SendMessage | None, Sequence[Violation]]:
        """Give a request that names a template its content, with the template pinned.

        What the request takes from it is final: whatever becomes of the template, the same is
        sent. A reference that breaks rules is left to them.

        Returns:
            The request with its content, where it got any; and why its template became none.
        """
        reference = request.template
        if reference is None or request.body is not None:
            return None, ()
        if check_template(reference, channel.platform, _PATH):
            return None, ()
        made = self._render(request, reference, channel)
        if not isinstance(made, RenderedTemplate):
            return None, made
        return _with_content(request, reference, made), ()

    def _render(
        self, request: SendMessage, reference: TemplateReference, channel: Channel
    ) -> RenderedTemplate | Sequence[Violation]:
        with self.storage.begin(read_only=True) as tx:
            project = project_of(tx, channel.workspace, reference)
            if project is not None and reference.locale is None:
                reference = evolve(reference, locale=_shared_locale(tx, request, channel))
        if project is None:
            where = f"{_PATH}/name" if reference.project_id is None else f"{_PATH}/projectId"
            return (Violation(where, "template.unknown", "there is no such template"),)
        version = choose_version(project, reference, _PATH)
        if isinstance(version, tuple):
            return version
        if version.engine not in self.engines:
            message = f"the template is written for {version.engine}, which is not there"
            return (Violation(_PATH, "template.unknown_engine", message),)
        made = render_request(version, channel.platform, reference, engines=self.engines)
        if isinstance(made, tuple) or made.subtitle is None:
            return made
        return check_subject(made.subtitle, _PATH) or made


def project_of(
    tx: Transaction, workspace: UUID, reference: TemplateReference
) -> TemplateProject | None:
    """Return the project that a reference names, by its id, else by its name."""
    if reference.project_id is not None:
        return tx.templates.get(workspace, reference.project_id)
    return tx.templates.by_name(workspace, reference.name) if reference.name else None


def _shared_locale(tx: Transaction, request: SendMessage, channel: Channel) -> str | None:
    """Return the language of the receivers, where all of them have the same.

    One mail to several people has one text: where their languages differ, it is the default one.
    """
    identifiers = identifiers_of(request, channel)
    known = tx.contacts.by_identifiers(channel.workspace, identifiers)
    contacts = [
        tx.contacts.get(channel.workspace, known[identifier]) if identifier in known else None
        for identifier in identifiers
    ]
    locales = {contact.locale if contact else None for contact in contacts}
    return locales.pop() if len(locales) == 1 else None


def _with_content(
    request: SendMessage, reference: TemplateReference, made: RenderedTemplate
) -> SendMessage:
    named = evolve(pinned(reference, made), short_links=made.short_links)
    return evolve(request, body=made.body, template=named, meta=_with_push(request.meta, made))


def _with_push(meta: Meta | None, made: RenderedTemplate) -> Meta | None:
    """Keep what a push message has beside its body; what the template says wins."""
    if made.subtitle is None and made.data is None:
        return meta
    meta = meta or Meta()
    push = meta.push_notifications or PushNotificationsMeta()
    subtitle = push.subtitle if made.subtitle is None else made.subtitle
    data = push.data if made.data is None else made.data
    return evolve(meta, push_notifications=evolve(push, subtitle=subtitle, data=data))
