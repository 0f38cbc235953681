"""Redaction: a message without its content and without addresses."""

from attrs import evolve

from messaging_core.models.common.failure import Failure
from messaging_core.models.content.meta import CampaignMeta, Meta, StepMeta
from messaging_core.models.content.template import TemplateReference
from messaging_core.models.delivery.event import Event
from messaging_core.models.delivery.interaction import Interaction, InteractionMetadata
from messaging_core.models.messages.message import Message
from messaging_core.models.messages.received_file import FileState, ReceivedFile
from messaging_core.models.people.contact import (
    Connector,
    MessageContact,
    MessageReceiver,
    MessageSender,
)


def redacted(message: Message) -> Message:
    """Keep a message's ids, status, times, channel, country, parts and failure codes.

    Everything that a person or the host wrote goes: body, values for a template, subject, headers,
    addresses, names, contact ids, the host's own reference and its tags.
    """
    return evolve(
        message,
        sender=MessageSender(
            connector=_connector(message.sender.connector), contact=_contact(message.sender.contact)
        ),
        receiver=_receiver(message.receiver),
        body=None,
        template=_template(message.template),
        meta=_meta(message.meta),
        reference=None,
        reply_to=None,
        tags=(),
        short_links=None,
        reason=None,
        failure=_failure(message.failure),
    )


def redacted_event(event: Event) -> Event:
    """Keep what happened and the codes of why; texts, facts and tags go."""
    return evolve(
        event,
        failure=_failure(event.failure),
        reasons=tuple(evolve(reason, message="", facts={}) for reason in event.reasons),
        tags=(),
    )


def redacted_interaction(interaction: Interaction) -> Interaction:
    """Keep what a person did and when; who it was, and with which link or words, goes."""
    metadata = interaction.metadata
    return evolve(
        interaction,
        message_reference=None,
        message_tags=(),
        receiver=_receiver(interaction.receiver) if interaction.receiver else None,
        context=None,
        metadata=InteractionMetadata(conversion=metadata.conversion, prefetched=metadata.prefetched)
        if metadata
        else None,
    )


def removed_file(file: ReceivedFile) -> ReceivedFile:
    """Keep what is needed to delete a file from the media store.

    `due_at` stays: a file that is just being fetched is deleted after the lease of its worker.
    """
    return evolve(
        file, state=FileState.REMOVED, url=None, name=None, content_type=None, reason=None
    )


def is_redacted(message: Message) -> bool:
    """Return whether a message has no content and no address left to redact."""
    # Nearly every message has a body, which tells at once: receipts ask this for each of them.
    return message.body is None and redacted(message) == message


def _receiver(receiver: MessageReceiver) -> MessageReceiver:
    contacts = tuple(filter(None, map(_contact, receiver.contacts)))
    return MessageReceiver(contacts=contacts, connector=_connector(receiver.connector))


def _connector(connector: Connector | None) -> Connector | None:
    return Connector(id=connector.id, types=connector.types) if connector else None


def _contact(contact: MessageContact | None) -> MessageContact | None:
    if contact is None:
        return None
    return MessageContact(
        identifier_key=contact.identifier_key, type=contact.type, country_code=contact.country_code
    )


def _template(template: TemplateReference | None) -> TemplateReference | None:
    if template is None:
        return None
    return TemplateReference(
        project_id=template.project_id,
        version=template.version,
        locale=template.locale,
        name=template.name,
    )


def _meta(meta: Meta | None) -> Meta | None:
    if meta is None:
        return None
    return Meta(
        navigator_id=meta.navigator_id,
        navigator_message_id=meta.navigator_message_id,
        flow=_step(meta.flow),
        journey=_step(meta.journey),
        campaign=CampaignMeta(id=meta.campaign.id) if meta.campaign else None,
    )


def _step(step: StepMeta | None) -> StepMeta | None:
    return evolve(step, name=None) if step else None


def _failure(failure: Failure | None) -> Failure | None:
    return evolve(failure, description="") if failure else None
