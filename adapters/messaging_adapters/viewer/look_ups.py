"""What a visitor searched for, kept for a day under a random key that stands in links instead."""

import re
from collections.abc import Mapping
from datetime import timedelta
from secrets import token_urlsafe
from typing import Final
from uuid import UUID

import orjson
from attrs import frozen

from messaging_adapters.viewer import text
from messaging_adapters.viewer.masking import mask
from messaging_adapters.viewer.parameters import FilterError
from messaging_adapters.viewer.reads import TOO_LONG, Reads
from messaging_core.errors import StorageBusyError
from messaging_core.models.common.expiring_record import RecordKind

TO: Final = "to"
SUBJECT: Final = "subject"
_DAY: Final = timedelta(days=1)
_KEY_BYTES: Final = 12
_MARK: Final = "~"
_NUMBER: Final = re.compile(r"(\+|00)[0-9 ()./-]{6,30}")


@frozen(kw_only=True)
class LookUp:
    """What was searched for.

    Attributes:
        kind: `to` or `subject`, as in links.
        value: An address, or words of a subject.
        workspace: The only one in which its key means anything.
    """

    kind: str
    value: str
    workspace: UUID

    @property
    def word(self) -> str:
        """Return it as a page may show it to those who get the link."""
        return f"To {text.line(mask(self.value), 60)}" if self.kind == TO else "Words of a subject"


def address_in(words: str) -> str | None:
    """Return the address that was typed, if it looks like one; a number without its blanks."""
    if "@" in words and not re.search(r"\s", words):
        return words
    if _NUMBER.fullmatch(words):
        return "+" + re.sub("[^0-9]", "", words).removeprefix("00")
    return None


async def remember(look_up: LookUp, reads: Reads) -> str:
    """Store what was searched for, and return what links hold instead."""
    key = token_urlsafe(_KEY_BYTES)
    value = orjson.dumps([look_up.kind, look_up.value]).decode()
    put = reads.messenger.page_records.put
    await reads.act(put, RecordKind.LOOK_UP, key, value, lifetime=_DAY, workspace=look_up.workspace)
    return f"{_MARK}{key}"


async def recall(names: Mapping[str, str], workspace: UUID, reads: Reads) -> list[LookUp]:
    """Return what a link searches for.

    Args:
        names: What stands in the link, by `to` and `subject`.
        workspace: Of the link.
        reads: Asks the engine, once.

    Raises:
        FilterError: It has expired, or was never there.
    """
    if not names:
        return []
    get = reads.messenger.page_records.get

    def values() -> list[str | None]:
        keys = [name.removeprefix(_MARK) for name in names.values()]
        return [get(RecordKind.LOOK_UP, key, workspace=workspace) for key in keys]

    records = await reads(values)
    if records is TOO_LONG:
        raise StorageBusyError("the search could not be read in time")
    return [
        _look_up(kind, name, record, workspace)
        for (kind, name), record in zip(names.items(), records, strict=True)
    ]


def _look_up(kind: str, name: str, record: str | None, workspace: UUID) -> LookUp:
    if record is not None and name.startswith(_MARK):
        own_kind, value = orjson.loads(record)
        if own_kind == kind:
            return LookUp(kind=kind, value=value, workspace=workspace)
    raise FilterError(kind, "a search of the last day; this one has expired, so search again")
