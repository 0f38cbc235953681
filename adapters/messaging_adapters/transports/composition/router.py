"""Several providers of which the receiver's country and the kind of message choose one."""

from collections.abc import Collection, Sequence
from typing import Any, Final

from attrs import evolve, field, frozen

from messaging_adapters.transports.composition._capabilities import shared_capabilities
from messaging_core.arguments import (
    a,
    a_text,
    checked,
    checked_init,
    described,
    members,
    set_of,
    several,
)
from messaging_core.delivery.attempt import ask_transport
from messaging_core.errors import ArgumentError, ConfigurationError
from messaging_core.models.common.channel import MessageType
from messaging_core.models.delivery.outcome import Outcome
from messaging_core.models.messages.envelope import Envelope
from messaging_core.ports.components import a_transport
from messaging_core.ports.transport import Capabilities, Handoff, Transport
from messaging_core.rules.addressing.addresses import country_of

_LONGEST_SLIP: Final = 40


def _countries(value: Any, name: str) -> frozenset[str]:
    """Allow codes of countries that have phone numbers."""
    from phonenumbers import SUPPORTED_REGIONS  # noqa: PLC0415 - 33 ms, and for countries only

    codes = several("countries", alone=str)(value, name)
    for code in codes:
        if not isinstance(code, str) or code not in SUPPORTED_REGIONS:
            is_slip = isinstance(code, str) and len(code) <= _LONGEST_SLIP
            given = f'"{code}"' if is_slip else described(code)
            upper = str(code).upper()
            remedy = f'"{upper}"' if upper in SUPPORTED_REGIONS else f'{name}=["GB", "NL"]'
            allowed = "ISO 3166-1 alpha-2 codes in upper case"
            raise ArgumentError(name, allowed, given, f"write {remedy}")
    return frozenset(codes)


def _texts(value: Collection[str]) -> frozenset[str]:
    return frozenset(value)


def _message_types(value: Collection[MessageType | str]) -> frozenset[MessageType]:
    return frozenset(map(MessageType, value))


@checked_init(
    transport=a_transport, countries=_countries, message_types=set_of(members(MessageType))
)
@frozen
class Route:
    """The messages of which one provider gets each: all that is given must fit.

    Attributes:
        transport: Who gets them.
        countries: ISO 3166-1 alpha-2 codes of the receivers' phone numbers; empty means any
            receiver, also one without a phone number.
        message_types: The message types of the channels; empty means any.
    """

    transport: Transport
    countries: frozenset[str] = field(default=frozenset(), kw_only=True, converter=_texts)
    message_types: frozenset[MessageType] = field(
        default=frozenset(), kw_only=True, converter=_message_types
    )

    def fits(self, envelope: Envelope) -> bool:
        """Return True if a message goes this way."""
        if self.message_types and envelope.channel.message_type not in self.message_types:
            return False
        return not self.countries or country_of(envelope.to) in self.countries


class Router(Transport):
    """Give each message to one provider, by the receiver's country and the kind of message.

    The first route that fits is taken, else the default. A message takes the same route at every
    attempt. So a message in doubt goes to no other provider, and only the provider of its route is
    asked about it. When that provider cannot take a message, no other is asked; for that, make the
    transport of the route a failover.

    Change routes when no message of them is in doubt: afterwards the new provider gets it.

    Args:
        routes: In the order in which they are tried.
        default: Who gets what no route fits, such as a number of no country.
        name: As in timelines and logs.

    Raises:
        ConfigurationError: There is no route, or one that fits every message.
    """

    @checked(
        routes=a(Route, "a Route", 'write Route(transport, countries=["NL"])'),
        default=a_transport,
        name=a_text,
    )
    def __init__(self, *routes: Route, default: Transport, name: str = "router") -> None:
        _check(routes)
        self.name = name
        self._routes = routes
        self._default = default
        behind = [route.transport for route in routes] + [default]
        self._transports = tuple({id(transport): transport for transport in behind}.values())
        self.capabilities = _capabilities(self._transports)

    @property
    def transports(self) -> tuple[Transport, ...]:
        """Return the transports behind it, whose receipts are its own."""
        return self._transports

    def __repr__(self) -> str:
        routes = "".join(f"{route!r}, " for route in self._routes)
        return f"Router({routes}default={self._default!r}, name={self.name!r})"

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        return self.transport_of(envelope).send(envelope, handoff)

    def look_up(self, envelope: Envelope) -> Outcome | None:
        """Ask only the provider that gets the message at every attempt."""
        return ask_transport(self.transport_of(envelope), envelope)

    def transport_of(self, envelope: Envelope) -> Transport:
        """Return the transport that gets a message."""
        fitting = (route.transport for route in self._routes if route.fits(envelope))
        return next(fitting, self._default)


def _check(routes: Sequence[Route]) -> None:
    if not routes:
        raise ConfigurationError("a router needs a route: write Route(transport, countries=…)")
    if any(not (route.countries or route.message_types) for route in routes):
        fault = "a route of a router fits every message"
        raise ConfigurationError(f"{fault}: give it countries or message_types, or make it default")


def _capabilities(transports: Sequence[Transport]) -> Capabilities:
    """Return what all can do; each message has one provider, so what that knows of it counts."""
    own = [transport.capabilities for transport in transports]
    windows = [capabilities.deduplicates_for for capabilities in own]
    known = [window for window in windows if window is not None]
    return evolve(
        shared_capabilities(transports),
        looks_up=any(capabilities.looks_up for capabilities in own),
        deduplicates_for=min(known) if len(known) == len(windows) else None,
    )
