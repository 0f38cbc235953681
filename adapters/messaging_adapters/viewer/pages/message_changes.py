"""What changed on the list or on one message, for pages that stay open."""

from collections.abc import Iterable, Iterator
from typing import Final
from uuid import UUID

from attrs import frozen

from messaging_adapters.viewer.access import Right
from messaging_adapters.viewer.page_request import PageRequest
from messaging_adapters.viewer.parameters import FilterError
from messaging_adapters.viewer.reads import TOO_LONG, Reads
from messaging_adapters.viewer.resources import Document, Resource
from messaging_adapters.viewer.statuses import MARKS
from messaging_adapters.viewer.view_json import view_json
from messaging_core.errors import StorageBusyError
from messaging_core.messages.inspection import Changes
from messaging_core.models.delivery.event import Event, EventKind

_NOTHING: Final = 204
_MOST: Final = 50
_MOST_EVENTS: Final = 200
_LONGEST: Final = 19
_BEGINS: Final = frozenset({EventKind.ADMITTED, EventKind.RECEIVED})


@frozen(kw_only=True)
class Changed:
    """A message whose status is another, or that has another event."""

    id: UUID
    status: str
    word: str
    in_doubt: bool


@frozen(kw_only=True)
class ChangesView:
    """What changed.

    Attributes:
        position: For the next request.
        new: How many messages are new.
        changed: Messages with what is known of them last; at most 50.
        reload: Whether more changed than is told.
    """

    position: int
    new: int
    changed: tuple[Changed, ...]
    reload: bool


async def _changes(request: PageRequest, reads: Reads) -> Document:
    """Answer with what changed after a position, or with nothing."""
    request.parameters.require_known(("after",))
    text = request.parameters.get("after") or ""
    if not (text.isascii() and text.isdigit() and len(text) < _LONGEST):
        raise FilterError("after", "the position that the page or the last answer has")
    changes = await reads(
        reads.messenger.changes, int(text), workspace=request.workspace, limit=_MOST_EVENTS
    )
    if changes is TOO_LONG:
        raise StorageBusyError("the changes could not be read in time")
    if changes.position == int(text):
        return Document(status=_NOTHING)
    return Document(body=view_json(view_of(changes)), media_type="application/json")


def view_of(changes: Changes) -> ChangesView:
    """Return what a page is told about changes."""
    last = {event.message_id: event for event in changes.events}
    new = sum(event.kind in _BEGINS for event in changes.events)
    is_all = changes.is_complete and len(last) <= _MOST
    changed = tuple(_changed(list(last.values())[-_MOST:]))
    return ChangesView(position=changes.position, new=new, changed=changed, reload=not is_all)


def _changed(events: Iterable[Event]) -> Iterator[Changed]:
    for event in events:
        mark = MARKS[event.status]
        yield Changed(id=event.message_id, status=mark.key, word=mark.word, in_doubt=event.in_doubt)


CHANGES: Final = Resource(path="/messages/changes", right=Right.LOOK, answer=_changes)
