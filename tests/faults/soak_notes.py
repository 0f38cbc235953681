"""What the processes of a soak test noted while they worked."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import field, frozen


@frozen(kw_only=True)
class Notes:
    """What the processes noted while they worked.

    Attributes:
        accepted: Of each message that was accepted: when, and how long the call took, if that is
            known; and whether it was to go at once.
        sends: The messages that the provider got, and when, in the order of their coming.
        heard: The positions of the events that the subscriber heard, in the order of its calls.
        events: The events that it heard, by their position.
        webhooks: The id, the message and the status of each webhook that came.
    """

    accepted: Mapping[str, tuple[float, float, bool]]
    sends: Sequence[tuple[str, float]]
    heard: Sequence[int]
    events: Mapping[int, tuple[str, str, str]]
    webhooks: Sequence[tuple[str, str, str]]
    sent: Mapping[str, float] = field(init=False)
    statuses: Mapping[str, list[str]] = field(init=False)

    @sent.default
    def _sent(self) -> Mapping[str, float]:
        """Return when each message came first."""
        return dict(reversed(self.sends))

    @statuses.default
    def _statuses(self) -> Mapping[str, list[str]]:
        statuses = defaultdict(list)
        for position in sorted(self.events):
            _, message, status = self.events[position]
            statuses[message].append(status)
        return statuses

    def accept_times(self) -> list[tuple[float, float]]:
        """Return when calls of `send` ended, and how long they took."""
        return [(at, seconds) for at, seconds, _ in self.accepted.values() if seconds]

    def delivery_times(self) -> list[tuple[float, float]]:
        """Return when messages came to the provider, and how long after they were accepted."""
        return [
            (at, at - _made_at(message))
            for message, at in self.sent.items()
            if message in self.accepted and self.accepted[message][2]
        ]


def _made_at(message: str) -> float:
    """Return the time in a UUIDv7, in seconds."""
    return int(message[:12], 16) / 1000


def read_notes(folder: Path, webhooks: Sequence[tuple[str, str, str]]) -> Notes:
    """Read what the processes noted; what was accepted twice counts at its first time."""
    accepted = [line.split() for line in _lines(folder / "accepted")]
    sent = [line.split() for line in _lines(folder / "sent")]
    events = [line.split() for line in _lines(folder / "events")]
    return Notes(
        accepted={
            message: (float(at), float(seconds), kind == "now")
            for message, kind, at, seconds in reversed(accepted)
        },
        sends=[(message, float(at)) for message, at in sent],
        heard=[int(event[0]) for event in events],
        events={
            int(position): (kind, message, status) for position, kind, message, status in events
        },
        webhooks=webhooks,
    )


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines()
