"""What each verb locks, as `Storage.begin` promises it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from messaging_adapters.storage.memory.concurrent.locks import Name
from messaging_adapters.storage.memory.concurrent.view import View
from messaging_core.document_stores.store import GLOBAL, number_key
from messaging_core.models.common.identifier import Identifier
from messaging_core.models.people.suppression import Suppression, SuppressionScope
from messaging_core.wire.stored.suppression_key import key_of, place_of

_SUBSCRIPTION: Final = "webhook_subscription"

Names = Callable[..., Iterator[Name]]


def _message(_: View, _workspace: UUID, message_id: UUID, *, stays: bool = True) -> Iterator[Name]:
    if stays:
        yield "message", message_id


def _messages(_: View, _workspace: UUID, message_ids: Sequence[UUID]) -> Iterator[Name]:
    for message_id in sorted(set(message_ids)):
        yield "message", message_id


def _keys(_: View, workspace: UUID, keys: Sequence[str], *, since: datetime) -> Iterator[Name]:
    del since
    for key in sorted(set(keys)):
        yield "key", (workspace, key)


def _receipt(_: View, _workspace: UUID, position: int) -> Iterator[Name]:
    yield "receipt", (GLOBAL, number_key(position))


def _contact(view: View, workspace: UUID, contact_id: str, *, stays: bool = True) -> Iterator[Name]:
    if stays and contact_id in view.documents.documents["contact", workspace]:
        yield "contact", (workspace, contact_id)


def _list(_: View, workspace: UUID, list_id: UUID, _contact_ids: Sequence[str]) -> Iterator[Name]:
    yield "list", (workspace, str(list_id))


def _template(view: View, workspace: UUID, project_id: str) -> Iterator[Name]:
    if project_id in view.documents.documents["template", workspace]:
        yield "template", (workspace, project_id)


def _template_by_name(view: View, workspace: UUID, name: str) -> Iterator[Name]:
    for project_id in sorted(view.documents.keys["template", workspace].get(name, ())):
        yield "template", (workspace, project_id)


def _subscription(view: View, workspace: UUID, subscription_id: UUID) -> Iterator[Name]:
    for place in (workspace, GLOBAL):
        if str(subscription_id) in view.documents.documents[_SUBSCRIPTION, place]:
            yield _SUBSCRIPTION, (place, str(subscription_id))


def _addresses(
    _: View, workspace: UUID, identifiers: Sequence[Identifier], *, stays: bool = True
) -> Iterator[Name]:
    if not stays:
        return
    places = {
        place_of(identifier, SuppressionScope.MARKETING, None)[:2] for identifier in identifiers
    }
    for place in sorted(places):
        yield "address", (workspace, place)


def _suppressed(_: View, workspace: UUID, suppressions: Sequence[Suppression]) -> Iterator[Name]:
    for place in sorted({key_of(suppression)[:2] for suppression in suppressions}):
        yield "address", (workspace, place)


def _address(view: View, workspace: UUID, identifier: Identifier, **_: Any) -> Iterator[Name]:
    return _addresses(view, workspace, [identifier])


def _history(
    _: View, workspace: UUID, contact_id: str, *, platform: str, since: datetime
) -> Iterator[Name]:
    del platform, since
    yield "history", (workspace, contact_id)


def _rate(_: View, workspace: UUID, key: str) -> Iterator[Name]:
    yield "rate limit", (workspace, key)


def _head(_: View, *_args: Any, **_kwargs: Any) -> Iterator[Name]:
    yield "head", None


LOCKS: Final[Mapping[str, Names]] = {
    "messages.get": _message,
    "messages.get_json": _message,
    "messages.by_keys": _keys,
    "outbox.delivery": _message,
    "receipts.evidence": _messages,
    "receipts.is_pending": _receipt,
    "contacts.get": _contact,
    "lists.add_members": _list,
    "templates.get": _template,
    "templates.by_name": _template_by_name,
    "webhooks.get": _subscription,
    "suppressions.for_addresses": _addresses,
    "suppressions.add": _suppressed,
    "suppressions.lift": _address,
    "send_history.since": _history,
    "rates.lock": _rate,
    "timeline.last_position": _head,
    "timeline.subscribe": _head,
    "retention.delete": _head,
    "retention.redact": _head,
}
"""The names that a verb locks before it answers; rows that it writes are locked besides.

`Documents` promises locks for all that its stores read. This storage locks no more of it than
`Storage.begin` promises, so that the simulation finds code that needs more.
"""
