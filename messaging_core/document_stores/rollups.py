"""Roll-ups as documents: found by step, tag and time."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

from attrs import evolve

from messaging_core.document_stores.store import GLOBAL, SEPARATOR, DocumentStore, instant_key
from messaging_core.lazy import frozen
from messaging_core.models.delivery.rollups import (
    Rollup,
    RollupAmount,
    RollupBy,
    RollupKey,
    RollupOutcome,
    RollupQuery,
    Tag,
)
from messaging_core.ports.storage.documents import Document
from messaging_core.ports.storage.rollups import RollupStore
from messaging_core.wire import encode, load
from messaging_core.wire.stored.damage import read_stored

_SUM: Final = "rollup"
_TAG: Final = "rollup_tag"
_WORKSPACE: Final = "rollup_workspace"
"""The kind of documents that say which workspaces have roll-ups or tags."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@frozen(kw_only=True)
class _StoredTag:
    """A tag with the day on which it was new."""

    tag: Tag
    day: str


class DocumentRollups(DocumentStore, RollupStore):
    """Inherit it, and write `uncounted`."""

    def add(self, amounts: Sequence[RollupAmount]) -> None:
        self._note(amount.key.workspace for amount in amounts)
        places = [(amount.key.workspace, _sum_id(amount.key), amount) for amount in amounts]
        for workspace, sum_id, amount in sorted(places, key=lambda place: place[:2]):
            before = self._documents.get(_SUM, workspace, sum_id)
            number, longest = _amounts(before) if before else (0, amount.longest)
            body = _body(number + amount.number, max(longest, amount.longest))
            key = f"start/{instant_key(amount.key.start)}/{sum_id}"
            self._documents.put(_SUM, workspace, Document(sum_id, body, (key,)))

    def _note(self, workspaces: Iterable[UUID]) -> None:
        """Remember which workspaces have something, so that it is deleted when it is old."""
        for workspace in sorted(set(workspaces)):
            if self._documents.get(_WORKSPACE, GLOBAL, str(workspace)) is None:
                self._documents.put(_WORKSPACE, GLOBAL, Document(str(workspace), b""))

    def find(self, query: RollupQuery) -> list[Rollup]:
        groups: dict[tuple[str, ...], Rollup] = {}
        for key, number, longest in self._matching(query):
            rollup = _shown(key, number, longest, query)
            order = tuple(
                str(value or "")
                for value in (rollup.start, rollup.outcome, rollup.detail, rollup.channel_id)
            )
            before = groups.get(order)
            groups[order] = _joined(before, rollup) if before else rollup
        return [rollup for _, rollup in sorted(groups.items())][: query.limit]

    def _matching(self, query: RollupQuery) -> Iterator[tuple[RollupKey, int, timedelta]]:
        series = f"{_step(query.stored)}{SEPARATOR}{query.tag}{SEPARATOR}"
        until = series + instant_key(query.until)
        since, read = series + instant_key(query.since), partial(_read, query.workspace)
        for document in self._beginning(_SUM, series, query.workspace, beyond=since):
            if document.id >= until:
                return
            stored = read_stored(read, document, "roll-up of", query.workspace)
            if stored and stored[0].channel_id in (query.channel_id or {stored[0].channel_id}):
                yield stored

    def tags(self, workspace: UUID, names: Collection[str]) -> Mapping[str, Tag]:
        documents = self._documents.by_keys(_TAG, workspace, sorted({_is(name) for name in names}))
        tags = (_tag(its[0]) for its in documents.values())
        return {stored.tag.tag: stored.tag for stored in tags if stored}

    def list_tags(self, workspace: UUID, *, after: str, limit: int) -> list[Tag]:
        documents = self._documents.page(_TAG, workspace, beyond=after, limit=limit)
        return [stored.tag for stored in map(_tag, documents) if stored]

    def count_tags(self, workspace: UUID, day: date) -> int:
        return sum(1 for _ in self._under(_TAG, f"day/{day.isoformat()}", workspace=workspace))

    def save_tags(self, workspace: UUID, tags: Sequence[Tag]) -> None:
        self._note([workspace] if tags else [])
        for tag in sorted(tags, key=lambda tag: tag.tag):
            document = self._documents.get(_TAG, workspace, tag.tag)
            before = _tag(document) if document else None
            merged = tag if before is None else _merged(before.tag, tag)
            stored = _StoredTag(tag=merged, day=before.day if before else tag.day.isoformat())
            self._documents.put(_TAG, workspace, _tag_document(stored))

    def delete(self, *, before: datetime, limit: int, workspace: UUID | None = None) -> int:
        workspaces = [workspace] if workspace else map(_uuid, self._all(_WORKSPACE))
        sums, tags = limit, limit
        for own in workspaces:
            tags -= self._delete(_TAG, own, f"latest/{instant_key(before)}", tags)
            sums -= self._delete(_SUM, own, f"start/{instant_key(before)}", sums)
        return limit - sums

    def _delete(self, kind: str, workspace: UUID, below: str, limit: int) -> int:
        """Delete the first documents with keys of one sort, and return how many there were."""
        beyond = below.partition("/")[0] + "/"
        pairs = self._documents.between(kind, workspace, beyond=beyond, below=below, limit=limit)
        old = [
            document for key, document in pairs if self._still(kind, key, document.id, workspace)
        ]
        return sum(self._documents.delete(kind, workspace, document.id) for document in old)


def _step(step: timedelta) -> int:
    return step // timedelta(seconds=1)


def _sum_id(key: RollupKey) -> str:
    series = (str(_step(key.step)), key.tag, instant_key(key.start))
    return SEPARATOR.join((*series, str(key.channel_id), key.outcome, key.detail))


def _read(workspace: UUID, document: Document) -> tuple[RollupKey, int, timedelta]:
    step, tag, start, channel, outcome, detail = document.id.split(SEPARATOR)
    key = RollupKey(
        workspace=workspace,
        step=timedelta(seconds=int(step)),
        tag=tag,
        start=datetime.fromisoformat(start),
        channel_id=UUID(channel),
        outcome=RollupOutcome(outcome),
        detail=detail,
    )
    return (key, *_amounts(document))


def _shown(key: RollupKey, number: int, longest: timedelta, query: RollupQuery) -> Rollup:
    """Return a roll-up with nothing but what a query groups by."""
    return Rollup(
        number=number,
        start=key.start - (key.start - _EPOCH) % query.step if query.step else None,
        outcome=key.outcome if RollupBy.OUTCOME in query.by else None,
        detail=key.detail if RollupBy.DETAIL in query.by else None,
        channel_id=key.channel_id if RollupBy.CHANNEL in query.by else None,
        longest=longest,
    )


def _joined(first: Rollup, other: Rollup) -> Rollup:
    return evolve(
        first,
        number=first.number + other.number,
        longest=max(first.longest, other.longest),
    )


def _body(number: int, longest: timedelta) -> bytes:
    return b"%d %d" % (number, longest // _MICROSECOND)


def _amounts(document: Document) -> tuple[int, timedelta]:
    number, longest = document.body.split()
    return int(number), int(longest) * _MICROSECOND


def _is(name: str) -> str:
    return f"is/{name}"


def _tag(document: Document) -> _StoredTag | None:
    return read_stored(partial(load, _StoredTag), document.body, "tag", "of a roll-up")


def _tag_document(stored: _StoredTag) -> Document:
    name = stored.tag.tag
    keys = (
        _is(name),
        f"day/{stored.day}/{name}",
        f"latest/{instant_key(stored.tag.latest)}/{name}",
    )
    return Document(name, encode(stored), keys)


def _merged(before: Tag, tag: Tag) -> Tag:
    return Tag(
        tag=tag.tag, since=min(before.since, tag.since), latest=max(before.latest, tag.latest)
    )


def _uuid(document: Document) -> UUID:
    return UUID(document.id)
