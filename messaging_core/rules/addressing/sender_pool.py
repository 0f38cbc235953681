"""Which sender of a pool writes to a receiver."""

from hashlib import blake2b
from math import log
from typing import Final

from messaging_core.models.common.channel import Channel
from messaging_core.models.common.sender_pool import SenderPool
from messaging_core.models.common.violation import Violation

MOST_SENDERS: Final = 1000
MOST_WEIGHT: Final = 1_000_000

_BYTES: Final = 8
_HASHES: Final = 2.0 ** (8 * _BYTES)


def choose_sender(pool: SenderPool, receiver: str) -> str:
    """Return the sender of a pool that writes to a receiver, always the same one.

    Weighted rendezvous hashing (highest random weight): each pair of sender and receiver has a
    fixed random number, and the weight says how far it counts. Senders get receivers in
    proportion to their weights. When a sender is removed, only its receivers move; when one is
    added or gets more weight, receivers move to it only. Order does not matter, nor do equal
    factors of all weights. Nothing is stored, so every process chooses alike.

    Args:
        pool: Has a sender of a weight above 0.
        receiver: The address in one spelling, as `address_key` returns it.
    """
    return max(pool.weights, key=lambda entry: (_score(entry, receiver), entry[0]))[0]


def _score(entry: tuple[str, int], receiver: str) -> float:
    sender, weight = entry
    if not weight:
        return 0.0
    pair = f"{sender}\0{receiver}".encode("utf-8", "surrogatepass")
    digest = blake2b(pair, digest_size=_BYTES).digest()
    # Above 0 and below 1, so that the logarithm is below 0.
    share = (int.from_bytes(digest, "big") + 0.5) / _HASHES
    return weight / -log(min(share, 1 - 2**-53))


def channel_senders(channel: Channel) -> tuple[str, ...]:
    """Return every sender of a channel: its own one first, then those of its pool."""
    own = () if channel.sender is None else (channel.sender,)
    pool = channel.senders.senders if channel.senders else ()
    return tuple(dict.fromkeys((*own, *pool)))


def check_sender_pool(channel: Channel) -> list[Violation]:
    """Refuse a pool that cannot choose; what each sender is like, `check_channel` checks."""
    pool = channel.senders
    if pool is None:
        return []
    violations = []
    if channel.sender is None:
        message = "a pool needs `sender` too: opt-outs are kept under it when the pool changes"
        violations.append(Violation("/sender", "channel.pool_without_sender", message))
    weights = dict(pool.weights)
    if len({sender.casefold() for sender in weights}) < len(pool.weights):
        violations.append(_bad("a sender is there twice: name it once, with one weight"))
    if not 1 <= len(weights) <= MOST_SENDERS:
        violations.append(_bad(f"a pool has 1 to {MOST_SENDERS} senders"))
    elif not all(0 <= weight <= MOST_WEIGHT for weight in weights.values()):
        violations.append(_bad(f"a weight is a whole number from 0 to {MOST_WEIGHT}"))
    elif not any(weights.values()):
        violations.append(_bad("a sender of the pool needs a weight above 0"))
    return violations


def _bad(message: str) -> Violation:
    return Violation("/senders", "channel.bad_senders", message)
