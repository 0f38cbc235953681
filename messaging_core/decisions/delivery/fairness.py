"""How many messages each lane, workspace and channel may send when not all of them can."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID
from zlib import crc32

T = TypeVar("T")

Id = TypeVar("Id", UUID, bytes)

_RESERVE = 8
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def lane_quotas(waiting: Sequence[int], limit: int) -> list[int]:
    """Divide `limit` places among lanes, the most urgent first, without starving any.

    Every lane with messages gets an eighth of the places, at least one. Places that are not
    needed go to the most urgent lane that has more.

    Args:
        waiting: How many messages wait in each lane, the most urgent lane first.
        limit: How many places there are.
    """
    least = max(1, limit // _RESERVE)
    shares = [0] * len(waiting)
    left = limit
    for most in (least, limit):
        for lane, count in enumerate(waiting):
            more = min(count, most, left + shares[lane]) - shares[lane]
            shares[lane] += max(0, more)
            left -= max(0, more)
    return shares


def tenant_quotas(waiting: Sequence[int], places: int, first: int = 0) -> list[int]:
    """Divide places among equals, so that many messages of one do not hold up few of another.

    The shares are max-min fair: who has little gets all of it, and the others get equally much.
    Where that does not come out even, the odd places go round from `first`.

    Args:
        waiting: How many messages each of them has.
        places: How many places there are.
        first: Which of them comes first when one place more is to be given; see `rotation`.
    """
    level = _level(waiting, places)
    shares = [min(count, level) for count in waiting]
    odd = max(0, places) - sum(shares)
    for tenant in (*range(first, len(waiting)), *range(first)):
        if odd and shares[tenant] < waiting[tenant]:
            shares[tenant] += 1
            odd -= 1
    return shares


def _level(waiting: Sequence[int], places: int) -> int:
    """Return the largest share; a tenant with fewer messages leaves places to the others."""
    level, left = 0, max(0, places)
    for served, count in enumerate(sorted(waiting)):
        level = left // (len(waiting) - served)
        if count > level:
            break
        left -= count
    return level


def divide(
    waiting: Sequence[Mapping[tuple[Id, Id], int]],
    limit: int,
    now: datetime,
    places: Mapping[Id, int] | None = None,
) -> list[dict[tuple[Id, Id], int]]:
    """Divide a claim between lanes, then their workspaces, then the channels of each.

    Args:
        waiting: How many messages each queue has, by its workspace and its channel, lane by lane,
            the most urgent lane first.
        limit: How many places the claim has.
        now: Says whose turn it is to get the odd places.
        places: How many messages of a channel there is room for, in all lanes together.

    Returns:
        How many each queue may send, lane by lane; queues that get nothing are left out.
    """
    lanes = _within_channels(waiting, places or {})
    shares = lane_quotas([sum(lane.values()) for lane in lanes], limit)
    return [_in_lane(lane, most, now) for lane, most in zip(lanes, shares, strict=True)]


def _within_channels(
    waiting: Sequence[Mapping[tuple[Id, Id], int]], places: Mapping[Id, int]
) -> list[Mapping[tuple[Id, Id], int]]:
    """Count no more of a channel than it has room for; its lanes share that as lanes do."""
    lanes = [dict(lane) for lane in waiting]
    for queue in {queue for lane in lanes for queue in lane if queue[1] in places}:
        counts = [lane.get(queue, 0) for lane in lanes]
        for lane, count in zip(lanes, lane_quotas(counts, places[queue[1]]), strict=True):
            lane[queue] = count
    return [{queue: count for queue, count in lane.items() if count > 0} for lane in lanes]


def _in_lane(
    lane: Mapping[tuple[Id, Id], int], places: int, now: datetime
) -> dict[tuple[Id, Id], int]:
    workspaces: dict[Id, dict[Id, int]] = {}
    for (workspace, channel), count in sorted(lane.items()):
        workspaces.setdefault(workspace, {})[channel] = count
    totals = [sum(channels.values()) for channels in workspaces.values()]
    shares = tenant_quotas(totals, places, rotation(now, len(totals)))
    return {
        (workspace, channel): count
        for (workspace, channels), most in zip(workspaces.items(), shares, strict=True)
        for channel, count in _between(channels, most, now)
        if count
    }


def _between(channels: Mapping[Id, int], places: int, now: datetime) -> Iterable[tuple[Id, int]]:
    counts = list(channels.values())
    return zip(channels, tenant_quotas(counts, places, rotation(now, len(counts))), strict=True)


def rotation(now: datetime, count: int) -> int:
    """Return whose turn it is to come first at an instant: one of `count`, by number.

    Every storage that is asked at the same microsecond gives the same answer, and over many
    instants, however regular, each has its turn about equally often.
    """
    micros = (now - _EPOCH) // _MICROSECOND
    return crc32(micros.to_bytes(8, "big", signed=True)) % count if count else 0


def most_for_one(count: int, places: int) -> int:
    """Return how many of `places` one of `count` can get at most, as each other gets one too.

    It is enough to count the messages of each up to that number before they are divided.
    """
    return max(1, places - count + 1)


def place_suspect(others: Sequence[T], suspect: T, crashes: int) -> list[T]:
    """Put a message that crashed so many times among others that are claimed with it.

    It comes last, so that a message that kills workers takes few others along. But workers may
    have died before they came to it, again and again, and it must not end for that: from the
    second crash on it comes first, and is begun at once.
    """
    return [suspect, *others] if crashes > 1 else [*others, suspect]
