"""How many messages each lane may send when not all of them can."""

from collections.abc import Sequence

_RESERVE = 8


def share(waiting: Sequence[int], limit: int) -> list[int]:
    """Divide `limit` places among lanes, the most urgent first, without starving any.

    Every lane in which something waits gets an eighth of the places, at least one; what nobody
    needs goes to the most urgent lane that has more.

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
