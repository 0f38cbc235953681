"""A message that is routed reaches at most one provider, whatever goes wrong."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from attrs import evolve

from messaging_adapters.storage.memory import MemoryStorage
from messaging_adapters.transports.composition.round_robin import RoundRobin
from messaging_adapters.transports.composition.router import Route, Router
from messaging_core.models.common.channel import SMS, Channel, MessageType
from messaging_core.ports.transport import Transport
from messaging_core.testing.simulation import (
    EVERYDAY,
    FLAKY,
    PROMISES,
    Breach,
    BrokenPromiseError,
    Line,
    Provider,
    Story,
    simulate,
)

BLOCK = 20
WEEK = timedelta(days=7)
SICK = FLAKY.lines[0].provider
DUTCH, FRENCH, AMERICAN = "+31612345", "+33612345", "+12125550"


def by_country(local: Transport, world: Transport) -> Transport:
    return Router(Route(local, countries={"NL", "BE"}), default=world)


def by_both(codes: Transport, bulk: Transport, world: Transport) -> Transport:
    return Router(
        Route(codes, message_types={"2fa"}, countries={"NL", "FR"}),
        Route(bulk, message_types={"promotional"}),
        default=world,
    )


def _channel(name: str, message_type: MessageType) -> Channel:
    return Channel(name=name, platform=SMS, sender="+31600000001", message_type=message_type)


_PROVIDERS = (Provider(), SICK, evolve(SICK, deduplicates_for=WEEK))
_MARKING = (evolve(SICK, deduplicates_for=WEEK), Provider(deduplicates_for=WEEK, lost=0.2))

ROUTING = evolve(
    EVERYDAY,
    name="routing",
    lines=(
        Line(
            channel=_channel("orders", MessageType.TRANSACTIONAL),
            provider=SICK,
            others=(Provider(slow=0.3),),
            compose=by_country,
        ),
        Line(
            channel=_channel("bills", MessageType.TRANSACTIONAL),
            provider=_MARKING[0],
            others=_MARKING[1:],
            compose=by_country,
        ),
        *(
            Line(
                channel=_channel(str(kind), kind),
                provider=_PROVIDERS[0],
                others=_PROVIDERS[1:],
                compose=by_both,
            )
            for kind in (MessageType.TWO_FACTOR, MessageType.PROMOTIONAL)
        ),
    ),
    prefixes=(DUTCH, FRENCH, AMERICAN),
    messages=14,
    crash=0.06,
)
"""Messages of several kinds to several countries, over providers that are ill in several ways."""


def one_provider_gets_a_message(story: Story) -> Iterator[Breach]:
    """Every copy of a message that a provider took, it took at the one provider of its route."""
    for reception in story.receptions:
        expected = _expected(reception.channel, reception.recipient)
        if reception.provider != expected:
            what = f"{reception.provider} took it, not {expected}"
            yield Breach(what=what, message_id=reception.message_id)


def _expected(channel: Channel, number: str) -> str:
    """Return the provider of a message, said again without the router."""
    is_dutch, is_french = number.startswith("+31"), number.startswith("+33")
    match channel.message_type:
        case MessageType.TWO_FACTOR:
            place = 1 if is_dutch or is_french else 3
        case MessageType.PROMOTIONAL:
            place = 2
        case _:
            place = 1 if is_dutch else 2
    return f"provider-of-{channel.name}" + (f"-{place}" if place > 1 else "")


ALL = (*PROMISES, one_provider_gets_a_message)


@pytest.mark.parametrize("block", range(3))
def test_all_promises_hold(block: int) -> None:
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        story = simulate(seed, ROUTING, storage=MemoryStorage, promises=ALL)

        assert len(story.asked) == ROUTING.messages


def test_every_route_is_taken_and_doubted() -> None:
    stories = [simulate(seed, ROUTING, storage=MemoryStorage) for seed in range(40)]
    receptions = [(story, reception) for story in stories for reception in story.receptions]

    doubted = {
        reception.provider
        for story, reception in receptions
        if story.doubts_of(reception.message_id)
    }
    assert {reception.provider for _, reception in receptions} == doubted
    assert len(doubted) == 2 + 2 + 2 + 1  # promotional messages have one route


def test_a_router_that_takes_turns_is_found_out() -> None:
    lines = tuple(evolve(line, compose=RoundRobin) for line in ROUTING.lines)
    unsteady = evolve(ROUTING, lines=lines)

    def run() -> None:
        for seed in range(20):
            simulate(seed, unsteady, storage=MemoryStorage, promises=[one_provider_gets_a_message])

    with pytest.raises(BrokenPromiseError, match="one_provider_gets_a_message"):
        run()
