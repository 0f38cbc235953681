"""A disk whose power fails: what it may hold afterwards, given what was written and synced.

What is modelled, each at its worst for who relies on it:

- What was written to a file or cut off it after its last sync may be on the disk or not, each
  piece for itself, and a piece may be there in part, sector by sector (512 bytes).
- That a file was made or removed holds only once its folder was synced: a removed journal may come
  back, and a new file may be missing with all its content, although the file itself was synced.
- A sync keeps its word for what was done before it.

What is not: a disk that lies about syncs, sectors that hold neither the old nor the new content,
bytes beside those written that change too, and processes that wrote to the folder unobserved.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from itertools import pairwise
from typing import TypeVar

from attrs import Factory, define

from faults.trace import (
    FolderSynced,
    Opened,
    Operation,
    Removed,
    Said,
    Synced,
    Truncated,
    Written,
)

SECTOR = 512
T = TypeVar("T")


class Loss(StrEnum):
    """What becomes of that which was not synced."""

    NOTHING = "nothing"  # all is kept: only the process died
    EVERYTHING = "everything"
    LAST_HALF = "last half"
    ANY = "any"
    TORN = "torn"  # any sectors of any piece


@define(eq=False)
class File:
    """A file as the disk has it, and what it was told since."""

    durable: bytearray = Factory(bytearray)
    unsynced: list[Written | Truncated] = Factory(list)

    def sync(self) -> None:
        for change in self.unsynced:
            _apply(change, self.durable)
        self.unsynced.clear()


@define
class Disk:
    """A folder as the processes see it, and as the disk has it."""

    files: dict[str, File] = Factory(dict)
    durable_files: dict[str, File] = Factory(dict)
    unsynced: list[tuple[str, File | None]] = Factory(list)

    @classmethod
    def holding(cls, contents: dict[str, bytes]) -> "Disk":
        """Begin with files that are wholly on the disk."""
        files = {name: File(bytearray(content)) for name, content in contents.items()}
        return cls(dict(files), dict(files))

    def do(self, operation: Operation) -> None:
        match operation:
            case Opened(name) if name not in self.files:
                self._name(name, File())
            case Written(name) | Truncated(name):
                self.files[name].unsynced.append(operation)
            case Synced(name):
                self.files[name].sync()
            case FolderSynced():
                self.durable_files = dict(self.files)
                self.unsynced.clear()
            case Removed(name):
                del self.files[name]
                self._name(name, None)

    def _name(self, name: str, file: File | None) -> None:
        if file is not None:
            self.files[name] = file
        self.unsynced.append((name, file))

    def after_power_cut(self, loss: Loss, chance: random.Random) -> dict[str, bytes]:
        """Return one folder that may be found when the power is back."""
        files: dict[str, File | None] = dict(self.durable_files)
        files.update(_kept(self.unsynced, loss, chance))
        return {
            name: _content(file, loss, chance) for name, file in files.items() if file is not None
        }


def cuts(
    operations: Sequence[Operation],
    before: dict[str, bytes],
    *,
    count: int,
    seed: int,
) -> Iterable[tuple[dict[str, bytes], list[str]]]:
    """Yield what a folder may hold after power cuts at any moments, and what was said by then.

    Args:
        operations: What was done, in order.
        before: What the folder held before.
        count: How many cuts; every kind of loss gets its share.
        seed: Of the moments and of what is lost.
    """
    chance, kinds = random.Random(seed), list(Loss)  # noqa: S311 - picks moments
    moments = sorted((chance.randrange(len(operations)), number) for number in range(count))
    disk, said = Disk.holding(before), list[str]()
    done = 0
    for moment, number in moments:
        for operation in operations[done : moment + 1]:
            disk.do(operation)
            if isinstance(operation, Said):
                said += operation.text.splitlines()
        done = moment + 1
        yield disk.after_power_cut(kinds[number % len(kinds)], chance), list(said)


def _content(file: File, loss: Loss, chance: random.Random) -> bytes:
    content = bytearray(file.durable)
    for change in _kept(file.unsynced, loss, chance, torn=_sectors):
        _apply(change, content)
    return bytes(content)


def _kept(
    changes: Sequence[T],
    loss: Loss,
    chance: random.Random,
    torn: Callable[[T], Iterable[T]] = lambda change: [change],
) -> list[T]:
    match loss:
        case Loss.NOTHING:
            return list(changes)
        case Loss.EVERYTHING:
            return []
        case Loss.LAST_HALF:
            return list(changes[: (len(changes) + 1) // 2])
        case Loss.ANY:
            return [change for change in changes if chance.random() < 0.5]
    pieces = [piece for change in changes for piece in torn(change)]
    return [piece for piece in pieces if chance.random() < 0.5]


def _sectors(change: Written | Truncated) -> Iterable[Written | Truncated]:
    """Cut what was written at the borders of sectors."""
    if isinstance(change, Truncated):
        return [change]
    end = change.offset + len(change.content)
    first = change.offset // SECTOR * SECTOR
    borders = [change.offset, *range(first + SECTOR, end, SECTOR), end]
    return [
        Written(change.name, a, change.content[a - change.offset : b - change.offset])
        for a, b in pairwise(borders)
    ]


def _apply(change: Written | Truncated, content: bytearray) -> None:
    if isinstance(change, Truncated):
        del content[change.size :]
        content.extend(bytes(change.size - len(content)))
        return
    content.extend(bytes(max(0, change.offset - len(content))))
    content[change.offset : change.offset + len(change.content)] = change.content
