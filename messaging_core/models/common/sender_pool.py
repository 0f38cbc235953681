"""Several senders that share the receivers of a channel."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from attrs import field

from messaging_core.arguments import refuse
from messaging_core.lazy import frozen

_WORDS: Final = "a dict of senders with their weights, or a list of senders"
_REMEDY: Final = 'write senders={"+31612345678": 3, "+31687654321": 1}'


@frozen
class SenderPool:
    """Senders with their weights; see `rules.choose_sender`.

    Attributes:
        weights: By sender. A sender of weight 0 gets no receivers, but still belongs to the
            channel.
    """

    weights: tuple[tuple[str, int], ...] = field(repr=False)

    @property
    def senders(self) -> tuple[str, ...]:
        """Return the senders in their order."""
        return tuple(sender for sender, _ in self.weights)


def sender_pool(value: "SenderPool | Mapping[str, int] | Iterable[str] | None") -> Any:
    """Return the pool that a mapping or a list of senders means, or nothing.

    Raises:
        ArgumentError: It means none.
    """
    if value is None or isinstance(value, SenderPool):
        return value
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise refuse("senders", _WORDS, value, _REMEDY)
    pairs = [*value.items()] if isinstance(value, Mapping) else [(sender, 1) for sender in value]
    for sender, weight in pairs:
        if not isinstance(sender, str):
            raise refuse("senders", _WORDS, sender, _REMEDY)
        if not isinstance(weight, int) or isinstance(weight, bool):
            raise refuse("senders", "weights that are whole numbers from 0", weight, _REMEDY)
    return SenderPool(tuple(pairs))
