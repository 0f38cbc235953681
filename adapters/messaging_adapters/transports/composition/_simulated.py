"""Receivers that give a chosen outcome without a provider."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from messaging_core.models.common.channel import EMAIL, SMS
from messaging_core.models.common.failure import Failure, FailureCode, FailureSource, Retry
from messaging_core.models.delivery.outcome import (
    Accepted,
    Deferred,
    Rejected,
    SingleOutcome,
    Unknown,
)
from messaging_core.rules.addressing.addresses import address_key


class Simulated(StrEnum):
    """What becomes of a message to a simulated receiver.

    Attributes:
        DELIVERED: The provider accepts it and reports that it was delivered.
        BOUNCED: The provider accepts it and reports that there is no such receiver.
        REJECTED: The provider refuses it.
        UNKNOWN: At the first attempt the answer is lost; later attempts are accepted.
        DEFERRED: At the first attempt the provider is busy; later attempts are accepted.
        SLOW: The provider accepts it after some seconds.
    """

    DELIVERED = "delivered"
    BOUNCED = "bounced"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    DEFERRED = "deferred"
    SLOW = "slow"


_WORDS: Final = "|".join(Simulated)
_EMAIL: Final = re.compile(rf"({_WORDS})(?:\+[^@]*)?@sandbox\.invalid")
_NUMBER: Final = re.compile(r"\+1555000[0-9]{3}([1-6])")
_OTHER: Final = re.compile(rf"sandbox-({_WORDS})(?:-[!-~]*)?")


def simulated(platform: str, address: str) -> Simulated | None:
    """Return what a well-known address simulates, and nothing for any other address."""
    if platform == EMAIL:
        match = _EMAIL.fullmatch(address_key("emailaddress", address))
    elif platform == SMS:
        match = _NUMBER.fullmatch(address_key("phonenumber", address))
        return tuple(Simulated)[int(match[1]) - 1] if match else None
    else:
        match = _OTHER.fullmatch(address)
    return Simulated(match[1]) if match else None


def outcome_of(kind: Simulated, attempt: int, source: str, reference: str) -> SingleOutcome:
    """Return what the provider would answer.

    Args:
        kind: What the receiver simulates.
        attempt: 1 for the first.
        source: The name of the transport.
        reference: The provider's id of the message.
    """
    if kind is Simulated.REJECTED:
        return Rejected(failure=_failure(kind, source))
    if attempt == 1 and kind is Simulated.DEFERRED:
        return Deferred(failure=_failure(kind, source))
    if attempt == 1 and kind is Simulated.UNKNOWN:
        return Unknown(failure=_failure(kind, source))
    return Accepted(references=(reference,), raw=f"simulated by the sandbox: {kind}")


def bounce(source: str) -> Failure:
    """Return what a provider reports of a receiver that does not exist."""
    return _failure(Simulated.BOUNCED, source)


def _failure(kind: Simulated, source: str) -> Failure:
    code, retry = _FAILURES[kind]
    return Failure(
        code=code,
        description=f"the sandbox simulates it: {kind}",
        source=FailureSource(name=source, code=f"sandbox_{kind}"),
        retry=retry,
    )


_FAILURES: Final[Mapping[Simulated, tuple[FailureCode, Retry]]] = {
    Simulated.BOUNCED: (FailureCode.UNKNOWN_RECEIVER, Retry.RECIPIENT_GONE),
    Simulated.REJECTED: (FailureCode.REFUSED, Retry.PERMANENT),
    Simulated.UNKNOWN: (FailureCode.IN_DOUBT, Retry.AMBIGUOUS),
    Simulated.DEFERRED: (FailureCode.TRANSIENT, Retry.TRANSIENT),
}
