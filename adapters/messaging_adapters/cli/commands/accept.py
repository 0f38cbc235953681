"""How the requests of a file are accepted, and what is said of those that are not."""

from collections import Counter
from collections.abc import Iterator, Sequence

from attrs import define, evolve, field

from messaging_adapters.cli.config.engine import Engine, no_channel
from messaging_adapters.cli.interrupts import Stop
from messaging_adapters.cli.line_keys import Keying
from messaging_adapters.cli.output.columns import Column
from messaging_adapters.cli.output.screen import Screen
from messaging_adapters.cli.request_lines import Line, Source
from messaging_adapters.cli.usage import UsageError
from messaging_core.errors import StorageError, UnknownChannelError
from messaging_core.lazy import frozen
from messaging_core.models.common.violation import Violation
from messaging_core.models.messages.message import Message, Status
from messaging_core.models.policy.plan import Rejection


@define
class Count:
    """How the requests of a file fared, by the name of the channel.

    Attributes:
        read: How many there were.
        next_line: Number of the first line that was not accepted or refused yet.
    """

    read: int = 0
    next_line: int = 1
    accepted: Counter[str] = field(factory=Counter[str])
    scheduled: Counter[str] = field(factory=Counter[str])
    refused: Counter[str] = field(factory=Counter[str])

    def take(self, line: Line, answer: Message | Rejection) -> None:
        """Count one answer."""
        name, self.read = line.channel or "", self.read + 1
        self.next_line = line.number + 1
        if isinstance(answer, Rejection):
            self.refused[name] += 1
        elif answer.status is Status.SCHEDULED:
            self.scheduled[name] += 1
        else:
            self.accepted[name] += 1


@frozen(kw_only=True)
class Reading:
    """What is read of a file.

    Attributes:
        channel: For lines that name none.
        keying: Gives lines their idempotency keys.
        first: Number of the first line.
        stop: Ends it between two chunks.
    """

    channel: str | None
    keying: Keying
    first: int
    stop: Stop

    def chunks(self, source: Source) -> Iterator[list[Line]]:
        """Yield the lines by the thousand; waiting for input ends when the command is to stop."""
        chunks = source.chunks(self.channel, self.stop.is_set, self.first)
        while not self.stop.is_set():
            try:
                with self.stop.reading():
                    chunk = next(chunks, None)
            except KeyboardInterrupt:
                if not self.stop.is_set():
                    raise
                return  # what was read of this chunk is not accepted
            if chunk is None:
                return
            chunk[:] = map(self.keying, chunk)
            yield chunk


def accept(screen: Screen, engine: Engine, source: Source, reading: Reading) -> Count:
    """Send everything a source holds, a thousand lines at a time, naming what is refused."""
    count = Count(next_line=reading.first)
    with screen.progress("Accepting", source.size, "bytes") as advance:
        for chunk in reading.chunks(source):
            if not count.read and chunk[0].channel is None:
                names = ", ".join(engine.config.channels)
                raise UsageError(f"which channel? Give --channel NAME; there are: {names}")
            for line, answer in zip(chunk, _answers(screen, engine, chunk, count), strict=True):
                count.take(line, answer)
                for violation in answer.violations if isinstance(answer, Rejection) else ():
                    screen.remark(refusal(source.name, line, violation))
                advance(line.size)
    return count


def _answers(
    screen: Screen, engine: Engine, lines: Sequence[Line], count: Count
) -> list[Message | Rejection]:
    try:
        return answers(engine, lines)
    except StorageError:
        screen.remark(f"stopped: every line before {count.next_line} was accepted or refused")
        raise


def answers(engine: Engine, lines: Sequence[Line]) -> list[Message | Rejection]:
    """Send some lines, those of one channel in one transaction, and return their answers."""
    answer_by_line: dict[int, Message | Rejection] = {}
    by_channel: dict[str | None, list[Line]] = {}
    for line in lines:
        if line.fault:
            answer_by_line[line.number] = Rejection(index=0, violations=(line.fault,))
        else:
            by_channel.setdefault(line.channel, []).append(line)
    for name, its in by_channel.items():
        try:
            given = _send(engine, name or "", its)
        except UnknownChannelError as error:
            given = [unknown_channel(name, error)] * len(its)
        answer_by_line |= {line.number: answer for line, answer in zip(its, given, strict=True)}
    return [answer_by_line[line.number] for line in lines]


def _send(engine: Engine, channel: str, lines: Sequence[Line]) -> list[Message | Rejection]:
    requests = (line.request for line in lines)
    if not any(line.key for line in lines):
        return engine.messenger.send_many(channel, requests)
    keys = [line.key for line in lines]
    return engine.messenger.send_many(channel, requests, idempotency_keys=keys)


def unknown_channel(name: str | None, error: UnknownChannelError) -> Rejection:
    """Refuse a line whose channel is not configured."""
    if name is None:
        message, code = "the line names no channel: give --channel", "channel.missing"
    else:
        message, code = no_channel(name, error.names), "channel.unknown"
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
    return f"{source}:{line.number}: {evolve(violation, path=line.place(violation.path))}"


def show_count(screen: Screen, count: Count) -> None:
    """Write how many requests were accepted and refused on each channel."""
    names = sorted({*count.accepted, *count.scheduled, *count.refused})
    counts = (count.accepted, count.scheduled, count.refused)
    rows = [[name or "(none)", *(f"{counter[name]:,}" for counter in counts)] for name in names]
    if len(names) != 1:
        rows.append(["all", *(f"{counter.total():,}" for counter in counts)])
    numbers = [Column(name, is_number=True) for name in ("accepted", "scheduled", "refused")]
    screen.table([Column("channel"), *numbers], rows)
