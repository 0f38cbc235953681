"""The cursors and counters of the event log, as documents."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from attrs import evolve

from messaging_core.document_stores.store import GLOBAL, DocumentStore
from messaging_core.lazy import frozen
from messaging_core.models.delivery.event import Cursor
from messaging_core.ports.storage.documents import Document
from messaging_core.ports.storage.timeline import Timeline

_CURSOR: Final = "cursor"
_COUNTER: Final = "counter"


@frozen(kw_only=True)
class _Subscription:
    position: int
    failures: int = 0
    fence: int = 0
    not_before: datetime | None = None

    @classmethod
    def read(cls, text: str) -> "_Subscription":
        """Return what a text says; it is short, for it is read more often than anything else."""
        position, failures, fence, instant = text.split(" ")
        return cls(
            position=int(position),
            failures=int(failures),
            fence=int(fence),
            not_before=datetime.fromisoformat(instant) if instant else None,
        )

    def text(self) -> str:
        instant = self.not_before.isoformat() if self.not_before else ""
        return f"{self.position} {self.failures} {self.fence} {instant}"

    def waits(self, now: datetime, longest: timedelta | None) -> bool:
        if self.not_before is None or self.not_before <= now:
            return False
        return longest is None or self.not_before <= now + longest


class DocumentTimeline(DocumentStore, Timeline):
    """Inherit it, and write the verbs of events.

    Transactions that add to the same counter take turns.
    """

    def subscribe(self, name: str, *, from_start: bool) -> None:
        if self._subscription(name) is None:
            position = 0 if from_start else self.last_position()
            self._put(name, _Subscription(position=position))

    def _subscription(self, name: str) -> _Subscription | None:
        document = self._documents.get(_CURSOR, GLOBAL, name)
        return _Subscription.read(document.body.decode()) if document else None

    def _put(self, name: str, subscription: _Subscription) -> None:
        self._documents.put(_CURSOR, GLOBAL, Document(name, subscription.text().encode()))

    def cursor(self, name: str) -> Cursor | None:
        subscription = self._subscription(name)
        return _cursor(name, subscription) if subscription else None

    def lease_cursor(
        self, name: str, *, now: datetime, lease: timedelta, longest: timedelta | None = None
    ) -> Cursor | None:
        subscription = self._subscription(name)
        if subscription is None or subscription.waits(now, longest):
            return None
        taken = evolve(subscription, fence=subscription.fence + 1, not_before=now + lease)
        self._put(name, taken)
        return _cursor(name, taken)

    def advance_cursor(self, cursor: Cursor, *, resume_at: datetime | None = None) -> bool:
        subscription = self._subscription(cursor.name)
        if subscription is None or subscription.fence != cursor.fence:
            return False
        moved = _Subscription(
            position=cursor.position,
            failures=cursor.failures,
            fence=cursor.fence,
            not_before=resume_at,
        )
        self._put(cursor.name, moved)
        return True

    def increment(self, amounts: Mapping[str, int]) -> None:
        for name, amount in sorted(amounts.items()):
            document = self._documents.get(_COUNTER, GLOBAL, name)
            number = int(document.body) + amount if document else amount
            self._documents.put(_COUNTER, GLOBAL, Document(name, b"%d" % number))

    def counters(self) -> Mapping[str, int]:
        return {document.id: int(document.body) for document in self._all(_COUNTER)}


def _cursor(name: str, subscription: _Subscription) -> Cursor:
    return Cursor(
        name=name,
        position=subscription.position,
        failures=subscription.failures,
        fence=subscription.fence,
    )
