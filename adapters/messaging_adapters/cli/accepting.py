"""How the requests of a file are accepted, and what is said of those that are not."""

import threading
from collections import Counter
from collections.abc import Sequence

from attrs import define, field

from messaging_adapters.cli.columns import Column
from messaging_adapters.cli.engine import Engine, no_channel
from messaging_adapters.cli.lines import Line, Source
from messaging_adapters.cli.screen import Screen
from messaging_adapters.cli.usage import UsageError
from messaging_core.errors import UnknownChannelError
from messaging_core.models.message import Message, Status
from messaging_core.models.plan import Rejection
from messaging_core.models.violation import Violation


@define
class Count:
    """How the requests of a file fared, by the name of the channel."""

    read: int = 0
    accepted: Counter[str] = field(factory=Counter[str])
    scheduled: Counter[str] = field(factory=Counter[str])
    refused: Counter[str] = field(factory=Counter[str])

    def take(self, line: Line, answer: Message | Rejection) -> None:
        """Count one answer."""
        name, self.read = line.channel or "", self.read + 1
        if isinstance(answer, Rejection):
            self.refused[name] += 1
        elif answer.status is Status.SCHEDULED:
            self.scheduled[name] += 1
        else:
            self.accepted[name] += 1


def accept(
    screen: Screen, engine: Engine, source: Source, channel: str | None, stop: threading.Event
) -> Count:
    """Send everything a source holds, a thousand lines at a time, naming what is refused."""
    count = Count()
    with screen.progress("Accepting", source.size, "bytes") as advance:
        for chunk in source.chunks(channel, stop.is_set):
            if not count.read and chunk[0].channel is None:
                known = ", ".join(engine.config.channels)
                raise UsageError(f"which channel? Give --channel NAME; there are: {known}")
            for line, answer in zip(chunk, answers(engine, chunk), strict=True):
                count.take(line, answer)
                for violation in answer.violations if isinstance(answer, Rejection) else ():
                    screen.remark(refusal(source.name, line, violation))
                advance(line.size)
    return count


def answers(engine: Engine, lines: Sequence[Line]) -> list[Message | Rejection]:
    """Send some lines, those of one channel in one transaction, and return their answers."""
    found: dict[int, Message | Rejection] = {}
    by_channel: dict[str | None, list[Line]] = {}
    for line in lines:
        by_channel.setdefault(line.channel, []).append(line)
    for name, its in by_channel.items():
        try:
            given = engine.messenger.send_many(name or "", (line.request for line in its))
        except UnknownChannelError as error:
            given = [unknown_channel(name, error)] * len(its)
        found |= {line.number: answer for line, answer in zip(its, given, strict=True)}
    return [found[line.number] for line in lines]


def unknown_channel(name: str | None, error: UnknownChannelError) -> Rejection:
    """Refuse a line whose channel is not configured."""
    if name is None:
        message, code = "the line names no channel: give --channel", "channel.missing"
    else:
        message, code = no_channel(name, error.known), "channel.unknown"
    return Rejection(index=0, violations=(Violation("/channel", code, message),))


def default_channel(name: str | None, engine: Engine) -> str | None:
    """Return the channel for lines that name none: the one asked for, or the only one there is.

    Raises:
        UsageError: There is no such channel.
    """
    if name:
        return engine.channel(name).name
    names = list(engine.config.channels)
    return names[0] if len(names) == 1 else None


def refusal(source: str, line: Line, violation: Violation) -> str:
    """Return where a request is wrong and why, as compilers write it."""
    return f"{source}:{line.number}: {violation}"


def show_count(screen: Screen, count: Count) -> None:
    """Write how many requests were accepted and refused on each channel."""
    names = sorted({*count.accepted, *count.scheduled, *count.refused})
    counts = (count.accepted, count.scheduled, count.refused)
    rows = [[name or "(none)", *(f"{one[name]:,}" for one in counts)] for name in names]
    if len(names) != 1:
        rows.append(["all", *(f"{one.total():,}" for one in counts)])
    numbers = [Column(name, is_number=True) for name in ("accepted", "scheduled", "refused")]
    screen.table([Column("channel"), *numbers], rows)
