"""The filters of a listing, decided on one message after the other."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from messaging_core.lazy import frozen
from messaging_core.models.common.failure import Failure, FailureSource
from messaging_core.models.delivery.delivery import NewMessage
from messaging_core.models.messages.message import Direction, Status
from messaging_core.models.messages.query import MessageQuery
from messaging_core.rules.content.subject_words import folded_words, phrases
from messaging_core.wire.stored.message import Facets, Stored, facets, searchable, store


@frozen(kw_only=True)
class Row:
    """One message, with what it is found by."""

    id: UUID
    workspace: UUID
    channel_id: UUID
    platform: str
    direction: str
    created_at: datetime
    reference: str | None
    batch_id: UUID | None
    navigator_id: UUID | None
    tags: tuple[str, ...]
    facets: Facets
    status: Status
    failure: Failure | None
    stored: Stored
    redacted: bool = False


def row_of(new: NewMessage) -> Row:
    """Return what a new message is searched by."""
    message = new.message
    return Row(
        id=message.id,
        workspace=new.workspace,
        channel_id=message.channel_id,
        platform=new.platform,
        direction=message.direction,
        created_at=message.created_at,
        reference=message.reference,
        batch_id=new.batch_id,
        navigator_id=message.meta.navigator_id if message.meta else None,
        tags=message.tags,
        facets=facets(new),
        status=message.status,
        failure=message.failure,
        stored=store(new.message),
    )


def matcher(query: MessageQuery) -> Callable[[Row], bool]:
    """Return what decides whether a message belongs to a listing, with every filter of a query.

    It is the whole search of a small storage, and the test of what an index has found.
    """
    conditions = [
        (_VALUES[name], frozenset(values)) for name, values in _wanted(query).items() if values
    ]
    words = query.email_subject

    def matches(row: Row) -> bool:
        return (
            row.workspace == query.workspace
            and (not query.id or row.id in query.id)
            and (query.start_at is None or row.created_at >= query.start_at)
            and (query.end_at is None or row.created_at < query.end_at)
            and all(not values.isdisjoint(value_of(row)) for value_of, values in conditions)
            and (words is None or _has_words(row.facets.subject, words))
        )

    return matches


def _wanted(query: MessageQuery) -> Mapping[str, Sequence[object]]:
    return {
        "platform": query.platform,
        "direction": [query.direction] if query.direction else (),
        "channel_id": query.channel_id,
        "navigator_id": [query.navigator_id] if query.navigator_id else (),
        "sender": searchable(query.sender),
        "receiver": searchable(query.receiver),
        "failure_code": query.failure_code,
        "failure_source_code": query.failure_source_code,
        "failure_source_name": query.failure_source_name,
        "country_code": query.country_code,
        "tag": [tag.lower() for tag in query.tag],
        "batch_id": [query.batch_id] if query.batch_id else (),
        "status": query.status,
        "reference": query.reference,
    }


def _sources(row: Row) -> tuple[FailureSource, ...]:
    return (row.failure.source,) if row.failure and row.failure.source else ()


def _sides(row: Row) -> tuple[tuple[object, ...], tuple[object, ...]]:
    """Return who sent a message and who got it."""
    own, people = (row.facets.own_address,), row.facets.people
    return (own, people) if row.direction == Direction.OUTGOING else (people, own)


_VALUES: Mapping[str, Callable[[Row], tuple[object, ...]]] = {
    "platform": lambda row: (row.platform,),
    "direction": lambda row: (row.direction,),
    "channel_id": lambda row: (row.channel_id,),
    "navigator_id": lambda row: (row.navigator_id,),
    "sender": lambda row: _sides(row)[0],
    "receiver": lambda row: _sides(row)[1],
    "failure_code": lambda row: (row.failure.code if row.failure else None,),
    "failure_source_code": lambda row: tuple(source.code for source in _sources(row)),
    "failure_source_name": lambda row: tuple(source.name for source in _sources(row)),
    "country_code": lambda row: (row.facets.country_code,),
    "tag": lambda row: row.tags,
    "batch_id": lambda row: (row.batch_id,),
    "status": lambda row: (row.status,),
    "reference": lambda row: (row.reference,),
}


def _has_words(subject: str | None, words: str) -> bool:
    """Return whether every word of a search stands in a subject, each as a phrase of its own."""
    if subject is None:
        return False
    have, searched = folded_words(subject), phrases(words)
    return bool(searched) and all(_has_phrase(have, phrase) for phrase in searched)


def _has_phrase(have: Sequence[str], phrase: Sequence[str]) -> bool:
    size = len(phrase)
    return any(have[start : start + size] == phrase for start in range(len(have) - size + 1))
