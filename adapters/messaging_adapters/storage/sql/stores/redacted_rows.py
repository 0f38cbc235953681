"""What redaction leaves of single rows; of a damaged row it leaves nothing that it cannot read."""

from typing import Any
from uuid import UUID

from messaging_adapters.storage.sql.rows.columns import from_micros
from messaging_adapters.storage.sql.rows.skip_corrupt import skip_corrupt
from messaging_adapters.storage.sql.stores.timeline import event_of, event_row
from messaging_core.decisions.status.redaction import (
    redacted_event,
    redacted_interaction,
    removed_file,
)
from messaging_core.models.delivery.interaction import Interaction
from messaging_core.models.messages.message import Message
from messaging_core.models.messages.received_file import ReceivedFile
from messaging_core.wire import encode, load
from messaging_core.wire.stored.message import Stored


def message_of(message_id: UUID, stored: Stored) -> Message | None:
    """Return a message, if it can be read."""
    for message in skip_corrupt([(message_id, stored)], _load_message, "message"):
        return message
    return None


def _load_message(record: tuple[UUID, Stored]) -> Message:
    return record[1].load()


def redacted_document(record: tuple[Any, ...]) -> str | None:
    """Return what redaction leaves in the document of an event."""
    for event in skip_corrupt([record], event_of, "event"):
        *_, document = event_row(redacted_event(event))
        return str(document) if document else None
    return None


def redacted_interaction_document(record: tuple[int, str]) -> str | None:
    """Return what redaction leaves in the document of an interaction."""
    for interaction in skip_corrupt([record], _load_interaction, "interaction"):
        return encode(redacted_interaction(interaction)).decode()
    return None


def _load_interaction(record: tuple[int, str]) -> Interaction:
    return load(Interaction, record[1])


def removed_row(
    workspace: UUID, message_id: UUID, record: tuple[bytes, int, bytes]
) -> tuple[bytes, bytes]:
    """Return what stays of a received file, and its id.

    A file whose document is damaged is removed from the media store, too.
    """
    file_id, due_at, document = record
    for file in skip_corrupt([(file_id, document)], _load_file, "received file"):
        return encode(removed_file(file)), file_id
    at = from_micros(due_at)
    unknown = ReceivedFile(
        id=UUID(bytes=file_id),
        workspace_id=workspace,
        message_id=message_id,
        number=0,
        source="",
        created_at=at,
        due_at=at,
    )
    return encode(removed_file(unknown)), file_id


def _load_file(record: tuple[bytes, bytes]) -> ReceivedFile:
    return load(ReceivedFile, record[1])
