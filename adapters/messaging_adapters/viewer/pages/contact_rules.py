"""What decides whether a contact gets a message: identifiers, consent, clocks and caps."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from attrs import frozen

from messaging_adapters.viewer import text
from messaging_adapters.viewer.masking import mask
from messaging_adapters.viewer.times import Moment, Times, span
from messaging_core.acceptance.contact_preview import CapUse, ContactInspection
from messaging_core.models.people.contact import Contact
from messaging_core.models.people.suppression import (
    Suppression,
    SuppressionCause,
    SuppressionScope,
)
from messaging_core.rules.addressing.receiver import PLATFORM_KEYS
from messaging_core.rules.formats.zones import zone_of

_MOST_ZONES: Final = 3
_KINDS: Final = {"phonenumber": "Phone", "emailaddress": "Email", "pushtoken": "Push token"}
_SCOPES: Final = {
    SuppressionScope.MARKETING: "no marketing",
    SuppressionScope.TRANSACTIONAL: "nothing but marketing",
    SuppressionScope.SENDER: "nothing from",
}
_CAUSES: Final = {
    SuppressionCause.UNSUBSCRIBE: "asked to unsubscribe",
    SuppressionCause.STOP_WORD: "answered with a stop word",
    SuppressionCause.MANUAL: "entered by hand",
    SuppressionCause.COMPLAINT: "complained",
    SuppressionCause.HARD_BOUNCE: "the address does not exist",
}
_SOURCES: Final = {
    "contact": "as stored with the contact",
    "number": "as the phone number says",
    "fallback": "the zone for those whose zone is unknown",
}
_STATES: Final = {True: "subscribed", False: "unsubscribed", None: "never asked"}
_NO_DATE: Final = "no date is stored"


@frozen(kw_only=True)
class IdentifierRow:
    """An identifier of the contact.

    Attributes:
        index: For the form that shows it.
        value: Masked, unless the visitor asked for this one.
    """

    index: int
    kind: str
    value: str
    is_shown: bool


@frozen(kw_only=True)
class Subscription:
    """Whether the contact agreed to get marketing on a platform, and how that is known."""

    platform: str
    state: str
    why: str


@frozen(kw_only=True)
class SuppressionRow:
    """What an address must not get, why, and since when."""

    address: str
    what: str
    cause: str
    since: Moment


@frozen(kw_only=True)
class Clock:
    """The time of the contact."""

    zone: str
    now: str


@frozen(kw_only=True)
class Cap:
    """How much of a frequency cap is used."""

    platform: str
    used: str
    is_full: bool
    note: str


def identifiers_of(contact: Contact, shown: int | None) -> tuple[IdentifierRow, ...]:
    """Return the identifiers of a contact, masked but for one."""
    return tuple(
        IdentifierRow(
            index=index,
            kind=text.line(_KINDS.get(identifier.key, identifier.key), 40),
            value=text.line(identifier.value if index == shown else mask(identifier.value)),
            is_shown=index == shown,
        )
        for index, identifier in enumerate(contact.featured_identifiers)
    )


def subscriptions_of(inspection: ContactInspection, times: Times) -> tuple[Subscription, ...]:
    """Return the subscription of each platform that a channel uses or that is stored."""
    stored = inspection.contact.subscriptions
    platforms = {*stored, *(outlook.channel.platform for outlook in inspection.channels)}
    return tuple(
        Subscription(
            platform=text.line(platform, 60),
            state=_STATES[stored.get(platform)],
            why=_why(platform, inspection, times),
        )
        for platform in sorted(platforms)
    )


def _why(platform: str, inspection: ContactInspection, times: Times) -> str:
    """Return cause and date, where a suppression of marketing has them."""
    state = inspection.contact.subscriptions.get(platform)
    causes = [
        suppression
        for suppression in inspection.suppressions
        if suppression.scope is SuppressionScope.MARKETING
        and suppression.identifier_key == PLATFORM_KEYS.get(platform, platform)
    ]
    if causes:
        return ", ".join(
            f"{_CAUSES[cause.cause]} on {times.day(cause.at).text}" for cause in causes
        )
    return "" if state is None else _NO_DATE


def suppressions_of(
    suppressions: Sequence[Suppression], times: Times
) -> tuple[SuppressionRow, ...]:
    """Return what the addresses of a contact must not get."""
    return tuple(
        SuppressionRow(
            address=text.line(mask(suppression.identifier_value)),
            what=_what(suppression),
            cause=_CAUSES[suppression.cause],
            since=times.day(suppression.at),
        )
        for suppression in suppressions
    )


def _what(suppression: Suppression) -> str:
    what = _SCOPES[suppression.scope]
    if suppression.scope is not SuppressionScope.SENDER:
        return what
    return f"{what} {text.line(suppression.sender or 'channels without a sender', 80)}"


def clocks_of(inspection: ContactInspection, now: datetime) -> tuple[Clock, ...]:
    """Return the time of a contact now, in each zone in which it may be; at most three."""
    return tuple(
        Clock(zone=name, now=f"{now.astimezone(zone_of(name)):%a %H:%M}")
        for name in inspection.zones[:_MOST_ZONES]
    )


def zones_note(inspection: ContactInspection) -> str:
    """Return how the zones are known, and how many more there are."""
    more = len(inspection.zones) - _MOST_ZONES
    source = _SOURCES[inspection.zones_from]
    return f"{source}, and {more} more zones" if more > 0 else source


def caps_of(caps: Sequence[CapUse]) -> tuple[Cap, ...]:
    """Return how much of each cap is used."""
    return tuple(
        Cap(
            platform=text.line(cap.platform, 60),
            used=f"{cap.used} of {cap.limit} in {span(cap.window)}",
            is_full=cap.used >= cap.limit,
            note="only for requests that ask for it" if cap.only_if_asked else "",
        )
        for cap in caps
    )
