"""What pools of senders promise, judged by what providers were given."""

from collections.abc import Iterator
from typing import Final

from messaging_core.models.messages.message import Direction
from messaging_core.testing.simulation.breach import Breach, Promise
from messaging_core.testing.simulation.story import Story


def senders_stick(story: Story) -> Iterator[Breach]:
    """Every message to a receiver has the same sender of the pool, at every attempt."""
    senders: dict[tuple[str, str], set[str | None]] = {}
    for message in story.messages.values():
        channel = story.channel_of(message)
        if channel is None or channel.senders is None or message.direction is Direction.INCOMING:
            continue
        sender = message.sender.address
        if sender not in channel.senders.senders:
            yield Breach(what=f"{sender} is not of the pool", message_id=message.id)
        for reception in story.receptions_of(message.id):
            if reception.sender != sender:
                what = f"accepted for {sender}, and taken from {reception.sender}"
                yield Breach(what=what, message_id=message.id)
        address = message.receiver.contacts[0].address
        known = senders.setdefault((channel.name, address), {sender})
        if sender not in known:
            yield Breach(what=f"from {sender}, and before from {known}", message_id=message.id)


def only_doubt_changes_the_provider(story: Story) -> Iterator[Breach]:
    """A message that a provider took goes to another one only if that was in doubt."""
    taken: dict[tuple[object, str], str] = {}
    for reception in story.receptions:
        place = (reception.message_id, reception.recipient)
        first = taken.setdefault(place, reception.provider)
        if first != reception.provider and not story.doubts_of(reception.message_id):
            what = f"taken by {first}, and by {reception.provider}"
            yield Breach(what=what, message_id=reception.message_id)


POOL_PROMISES: Final[tuple[Promise, ...]] = (senders_stick, only_doubt_changes_the_provider)
"""Those about pools and several providers."""
